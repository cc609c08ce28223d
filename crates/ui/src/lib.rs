//! The window: a grid of cameras that fills itself.
//!
//! Paints a [`Snapshot`](lanlens_model::Snapshot) and the newest frame of each camera, and emits
//! [`Command`](lanlens_model::Command)s; both travel through [`UiPort`], which the app connects to
//! its node. Owns layout, selection, textures, fonts, and what a window remembers (`ui.json`).
//!
//! Knows nothing of sockets, sessions or decoders, and never decides what a camera's state is: a
//! tile says LIVE because the snapshot says so.
//!
//! ```text
//! any thread: frame decoded ─▶ RepaintHandle ─┐ (paced, once)
//! input, expose ──────────────────────────────┴▶ ViewerApp::show ─▶ snapshot, slots ─▶ Video, tiles
//!                                                     └─▶ Command (Refresh, SetLayer, SetVisible, …)
//! ```

mod adding;
mod app;
mod banner;
mod draw;
mod empty;
mod fonts;
mod footer;
mod grid;
mod header;
mod icons;
mod keys;
mod notice;
mod overlay;
mod pacer;
mod paint_time;
mod paste;
mod phones;
mod phones_panel;
mod picture;
mod port;
mod qr;
mod recent;
mod requests;
mod run;
mod sidebar;
mod stage;
mod store;
mod theme;
mod tile;
mod toast;
mod video;
mod wall;
mod watchers;
mod wish;
mod words;

pub use app::ViewerApp;
pub use fonts::{SystemFonts, install_fonts};
pub use pacer::{CloseHandle, RepaintHandle};
pub use port::{OpenDoor, Renderer, UiPort, ViewerOptions};
pub use run::{RunError, run};
pub use video::{ShaderError, Video, VideoPainter};
