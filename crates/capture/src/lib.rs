//! Where pictures come from: real cameras, a moving test pattern, and `.y4m` files.
//!
//! Owns the words of `--source` ([`SourceSpec`]), the list of [`cameras`], and one
//! [`FrameSource`] for each kind of source. All of `cfg(target_os)` for cameras stands in the
//! `camera` module. Knows nothing of encoders, networks or who is watching.
//!
//! ```text
//! pattern ─ pacer ─ paint ─ burn in time ──────────────────┐
//! file    ─ pacer ─ read one picture, from the start at end ┼─▶ next_frame() ─▶ Arc<VideoFrame>
//! camera  ─ own thread: dequeue, stamp, to I420 ─ slot ────┘
//! ```

mod camera;
mod file;
mod pace;
mod pattern;
mod shrink;
mod spec;
mod y4m;

use lanlens_media::{FrameSource, SourceError};
use lanlens_model::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

#[doc(hidden)]
pub use camera::bench_support;
pub use camera::{CameraDevice, cameras};
pub use spec::{SourceSpec, SpecError, resolve_auto};

/// The size where none was asked for, pixels.
pub const SIZE_DEFAULT: (u32, u32) = (1280, 720);
/// The rate where none was asked for, frames a second.
pub const FPS_DEFAULT: u32 = 30;
/// The highest rate, frames a second.
pub const FPS_MAX: u32 = 120;
/// Smaller pictures, either way in pixels, are refused: nothing could be seen on them.
pub const SIDE_MIN: u32 = 16;

/// What the user would like to have. A pattern gives exactly this, a camera the nearest it can, and
/// a file is played as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Width and height in pixels; [`SIZE_DEFAULT`] where `None`, and then a camera may choose
    /// another size that it can deliver fast enough.
    pub size: Option<(u32, u32)>,
    /// Frames a second, 1 to [`FPS_MAX`]; [`FPS_DEFAULT`] where `None`.
    pub fps: Option<u32>,
}

/// Opens a source. `seed` makes one pattern look different from another.
///
/// A camera's first picture is waited for, up to five seconds.
///
/// # Errors
/// `NotFound` when there is no such camera or file, `Busy` when another program has it,
/// `Unsupported` when its pictures or the wish can't be served.
pub fn open(
    spec: &SourceSpec,
    wish: &Wish,
    seed: u64,
) -> Result<Box<dyn FrameSource>, SourceError> {
    if let Some((width, height)) = wish.size {
        check_size(width, height).map_err(SourceError::Unsupported)?;
    }
    if wish.fps.is_some_and(|fps| fps == 0 || fps > FPS_MAX) {
        return Err(SourceError::Unsupported(format!("a rate must be 1 to {FPS_MAX} a second")));
    }
    match spec.resolve()? {
        SourceSpec::Pattern => Ok(Box::new(pattern::PatternSource::new(wish, seed))),
        SourceSpec::File(path) => Ok(Box::new(file::FileSource::open(&path)?)),
        SourceSpec::Device(path) => Ok(Box::new(camera::open(&path, wish)?)),
        SourceSpec::Auto | SourceSpec::Camera(_) => {
            Err(SourceError::NotFound("no camera found".to_owned()))
        }
    }
}

/// Whether pictures of this size are worked with at all; says why not.
fn check_size(width: u32, height: u32) -> Result<(), String> {
    if width < SIDE_MIN || height < SIDE_MIN {
        return Err(format!(
            "{width}x{height} is too small: pictures have at least {SIDE_MIN}x{SIDE_MIN} pixels"
        ));
    }
    if width > PICTURE_WIDTH_MAX || height > PICTURE_HEIGHT_MAX {
        return Err(format!(
            "{width}x{height} is too large: pictures have at most \
             {PICTURE_WIDTH_MAX}x{PICTURE_HEIGHT_MAX} pixels"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_out_of_range_is_refused_with_words() {
        for (size, fps) in [
            (Some((0, 0)), None),
            (Some((8, 720)), None),
            (Some((100_000, 720)), None),
            (None, Some(0)),
            (None, Some(100_000)),
        ] {
            let error = open(&SourceSpec::Pattern, &Wish { size, fps }, 0).err().unwrap();
            assert!(matches!(error, SourceError::Unsupported(_)), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_says_which() {
        let spec = SourceSpec::File("/nowhere/at all.y4m".into());
        let error = open(&spec, &Wish::default(), 0).err().unwrap();
        assert!(matches!(error, SourceError::NotFound(_)), "{error}");
        assert!(error.to_string().contains("/nowhere/at all.y4m"), "{error}");
    }
}
