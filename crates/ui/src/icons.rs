//! The Phosphor icons in use, by their code point in `assets/phosphor/Phosphor.ttf`.

/// Received from the network.
pub(crate) const ARROW_DOWN: &str = "\u{e03e}";
/// Look again.
pub(crate) const ARROWS_CLOCKWISE: &str = "\u{e094}";
/// Looking for cameras.
pub(crate) const BROADCAST: &str = "\u{e0f2}";
/// Leave fullscreen or focus.
pub(crate) const CORNERS_IN: &str = "\u{e1ce}";
/// Fullscreen or focus.
pub(crate) const CORNERS_OUT: &str = "\u{e1d0}";
/// A phone.
pub(crate) const DEVICE_MOBILE: &str = "\u{e1e0}";
/// Who is watching.
pub(crate) const EYE: &str = "\u{e220}";
/// Limited to some cameras.
pub(crate) const FUNNEL: &str = "\u{e266}";
/// A device asks for something.
pub(crate) const HAND_WAVING: &str = "\u{e580}";
/// Somebody let time pass.
pub(crate) const HOURGLASS: &str = "\u{e2b8}";
/// Somebody has to allow it.
pub(crate) const LOCK_KEY: &str = "\u{e2fe}";
/// Only with an invitation.
pub(crate) const ENVELOPE: &str = "\u{e218}";
/// The connection is gone.
pub(crate) const PLUGS: &str = "\u{eb56}";
/// One more.
pub(crate) const PLUS: &str = "\u{e3d4}";
/// Refused.
pub(crate) const PROHIBIT: &str = "\u{e3de}";
/// A code for phones.
pub(crate) const QR_CODE: &str = "\u{e3e6}";
/// The list at the side.
pub(crate) const SIDEBAR: &str = "\u{eab6}";
/// Taken off a list.
pub(crate) const USER_MINUS: &str = "\u{e4ce}";
/// A camera.
pub(crate) const VIDEO_CAMERA: &str = "\u{e4da}";
/// A camera without a picture.
pub(crate) const VIDEO_CAMERA_SLASH: &str = "\u{e4dc}";
/// Something to know.
pub(crate) const WARNING: &str = "\u{e4e0}";
/// No network.
pub(crate) const WIFI_SLASH: &str = "\u{e4f2}";
/// Close.
pub(crate) const X: &str = "\u{e4f6}";
