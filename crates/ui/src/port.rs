//! What a window needs from the rest of the program, as a small trait, so that tests and the
//! prototype drive the very same window with drawn cameras.

use std::path::PathBuf;
use std::sync::Arc;

use lanlens_media::{LatestSlot, VideoFrame};
use lanlens_model::{CameraId, Command, Finding, PhoneDoor, Snapshot};

/// The window's only way to the node. All methods are called on the window's thread and must not
/// block.
pub trait UiPort {
    /// The newest state.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Where the newest decoded picture of a camera is handed over; `None` while nothing decodes it.
    fn slot(&self, camera: CameraId) -> Option<Arc<LatestSlot<Arc<VideoFrame>>>>;

    /// Tells a wish. Where it can't be taken now it may be dropped; the window will not ask again.
    fn send(&self, command: Command);

    /// Why there is no camera, once somebody has found out; shown while there is none.
    fn finding(&self) -> Option<Finding> {
        None
    }

    /// Opens the way in for phones; `None` where this program has none. The window keeps what it gets
    /// only while it shows the code.
    fn open_phone_door(&self) -> Option<Box<dyn OpenDoor>> {
        None
    }
}

/// The way in for phones, kept open: as long as this lives, its links are good, and what changes
/// asks for a paint.
pub trait OpenDoor {
    /// The newest state. Called in every pass; must not block.
    fn door(&self) -> Arc<PhoneDoor>;
}

/// Which graphics interface paints the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Renderer {
    /// wgpu where there is a graphics processor, OpenGL where the processor has to paint
    /// (an OpenGL repaint is much cheaper there). `LANLENS_RENDERER` (`glow` or `wgpu`) overrides.
    #[default]
    Auto,
    /// OpenGL.
    Glow,
    /// Vulkan, Metal or Direct3D 12.
    Wgpu,
}

impl Renderer {
    /// What `LANLENS_RENDERER` says; `None` when it is unset, empty or holds another word.
    pub(crate) fn from_env() -> Option<Self> {
        match std::env::var("LANLENS_RENDERER").ok()?.as_str() {
            "" => None,
            "glow" => Some(Renderer::Glow),
            "wgpu" => Some(Renderer::Wgpu),
            other => {
                tracing::warn!("LANLENS_RENDERER={other} is neither glow nor wgpu: ignored");
                None
            }
        }
    }
}

/// How a viewer window starts.
#[derive(Debug, Clone, Default)]
pub struct ViewerOptions {
    /// Cover the whole screen.
    pub fullscreen: bool,
    /// The names that the viewer was limited to: shown in the header, and cameras that are not
    /// watched get no tile. Empty: no limit.
    pub only: Vec<String>,
    /// The folder where window size, sidebar and order of tiles are remembered (`ui.json`);
    /// `None` remembers nothing.
    pub home: Option<PathBuf>,
    /// Which graphics interface to use.
    pub renderer: Renderer,
}
