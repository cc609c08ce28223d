//! A screen without a monitor: Xvfb, with screenshots and a polite way to close windows.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ClientMessageEvent, ConnectionExt,
    EventMask, ImageFormat, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::picture::Picture;
use crate::program::{Launch, Program};

/// How long Xvfb may take to start, and a window to appear.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often a window is looked for.
const WINDOW_POLL: Duration = Duration::from_millis(20);
/// Between what a hand does one after the other.
const POINTER_PAUSE: Duration = Duration::from_millis(60);

/// An X server of its own, 24 bits deep, ended when dropped.
#[derive(Debug)]
pub struct Display {
    name: String,
    connection: RustConnection,
    root: Window,
    size: (u16, u16),
    runtime: TempDir,
    _server: Program,
}

impl Display {
    /// Starts a screen of this size on a free display number.
    ///
    /// # Errors
    /// When Xvfb is missing or does not start.
    pub fn start(width: u16, height: u16) -> Result<Self> {
        let screen = format!("{width}x{height}x24");
        let server = Launch::here("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-noreset", "-nolisten", "tcp"])
            .start()
            .context("starting Xvfb (package xvfb)")?;
        let number = server.wait("its display number", START_LIMIT, |line| line.is_u64())?;
        let name = format!(":{}", number.value);
        let (connection, screen) = RustConnection::connect(Some(&name))?;
        let root = connection.setup().roots.get(screen).context("Xvfb has no screen")?.root;
        let runtime = tempfile::tempdir()?;
        Ok(Self { name, connection, root, size: (width, height), runtime, _server: server })
    }

    /// How X clients are told of it: `:N`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a program open its windows here.
    #[must_use]
    pub fn show(&self, launch: Launch) -> Launch {
        launch
            .env("DISPLAY", &self.name)
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .without_env("WAYLAND_DISPLAY")
            .without_env("XAUTHORITY")
    }

    /// What the whole screen shows now.
    ///
    /// # Errors
    /// When the X server fails, or its pixels are not 32 bits wide.
    pub fn screenshot(&self) -> Result<Picture> {
        let (width, height) = self.size;
        let format = ImageFormat::Z_PIXMAP;
        let image = self.connection.get_image(format, self.root, 0, 0, width, height, !0)?;
        let data = image.reply()?.data;
        let (width, height) = (usize::from(width), usize::from(height));
        if data.len() != width * height * 4 {
            bail!("the screen's pixels are not 32 bits wide");
        }
        // Little-endian 0x00RRGGBB, as every Xvfb of depth 24 has it.
        let rgb = data.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        Ok(Picture { width, height, rgb })
    }

    /// Moves the pointer there and presses its left button, as a person does: pixels from the upper
    /// left corner.
    ///
    /// # Errors
    /// When the X server fails.
    pub fn click(&self, x: usize, y: usize) -> Result<()> {
        let (x, y) = (i16::try_from(x)?, i16::try_from(y)?);
        self.fake(MOTION_NOTIFY_EVENT, 0, x, y)?;
        // A window learns of a pointer and of its button in two passes.
        std::thread::sleep(POINTER_PAUSE);
        self.fake(BUTTON_PRESS_EVENT, 1, x, y)?;
        std::thread::sleep(POINTER_PAUSE);
        self.fake(BUTTON_RELEASE_EVENT, 1, x, y)
    }

    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) -> Result<()> {
        self.connection.xtest_fake_input(kind, detail, 0, self.root, x, y, 0)?.check()?;
        Ok(())
    }

    /// Waits for a window that can be closed, as programs show one when they are up.
    ///
    /// # Errors
    /// When none has appeared in time.
    pub fn wait_window(&self) -> Result<()> {
        self.window().map(drop)
    }

    /// Asks the program to close its window, as a click on the × does (ICCCM section 4.2.8.1).
    ///
    /// # Errors
    /// When there is no such window.
    pub fn close_window(&self) -> Result<()> {
        let window = self.window()?;
        let (protocols, delete) = (self.atom("WM_PROTOCOLS")?, self.atom("WM_DELETE_WINDOW")?);
        let message = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
        self.connection.send_event(false, window, EventMask::NO_EVENT, message)?;
        self.connection.flush()?;
        Ok(())
    }

    fn atom(&self, name: &str) -> Result<u32> {
        Ok(self.connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }

    /// The first top-level window that takes part in `WM_DELETE_WINDOW`.
    fn window(&self) -> Result<Window> {
        let (protocols, delete) = (self.atom("WM_PROTOCOLS")?, self.atom("WM_DELETE_WINDOW")?);
        let start = Instant::now();
        loop {
            for window in self.connection.query_tree(self.root)?.reply()?.children {
                let kind = AtomEnum::ATOM;
                let list = self.connection.get_property(false, window, protocols, kind, 0, 16)?;
                // A window may go away between the listing and the question.
                let Ok(list) = list.reply() else { continue };
                if list.value32().is_some_and(|mut atoms| atoms.any(|atom| atom == delete)) {
                    return Ok(window);
                }
            }
            if start.elapsed() > START_LIMIT {
                bail!("no window appeared on {}", self.name);
            }
            std::thread::sleep(WINDOW_POLL);
        }
    }
}
