//! The window with drawn cameras in every state, without any network: for judging the look.
//!
//! ```text
//! prototype [COUNT] [--still] [--asked] [--fps N] [--only NAME] [--fullscreen] [--home DIR] [--close-after SECONDS]
//! ```
//! `--asked`: devices ask to watch, somebody has claimed this computer's cameras, and something is
//! wrong.
//! `--still` sends one frame a camera and then nothing, as an idle network would.

#[path = "prototype/scenes.rs"]
mod scenes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lanlens_media::{LatestSlot, VideoFrame};
use lanlens_model::{CameraId, Command, Snapshot};
use lanlens_ui::{CloseHandle, RepaintHandle, UiPort, ViewerOptions, run};

struct Port {
    snapshot: Arc<Snapshot>,
    scenes: Arc<Vec<scenes::Camera>>,
}

impl UiPort for Port {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn slot(&self, camera: CameraId) -> Option<Arc<LatestSlot<Arc<VideoFrame>>>> {
        let scene = self.scenes.iter().find(|scene| scene.view.id == camera)?;
        Some(Arc::clone(&scene.slot))
    }

    fn send(&self, command: Command) {
        println!("{command:?}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut options = ViewerOptions::default();
    let (mut count, mut still, mut asked, mut fps, mut close_after) = (9, false, false, 30, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--still" => still = true,
            "--asked" => asked = true,
            "--fullscreen" => options.fullscreen = true,
            "--fps" => fps = arguments.next().unwrap_or_default().parse()?,
            "--close-after" => close_after = Some(arguments.next().unwrap_or_default().parse()?),
            "--only" => options.only.extend(arguments.next()),
            "--home" => options.home = arguments.next().map(PathBuf::from),
            number => count = number.parse()?,
        }
    }
    let scenes = Arc::new(scenes::cameras(count));
    let cameras = scenes.iter().map(|scene| (scene.view.id, Arc::new(scene.view.clone())));
    let mut snapshot = Snapshot { cameras: cameras.collect(), ..Snapshot::default() };
    if asked {
        scenes::around(&mut snapshot);
    }
    let snapshot = Arc::new(snapshot);
    let (repaint, close) = (RepaintHandle::new(), CloseHandle::new());
    for scene in scenes.iter().enumerate().filter(|(_, scene)| scene.sends_frames()) {
        let (index, slot) = (scene.0, Arc::clone(&scene.1.slot));
        let repaint = repaint.clone();
        let name = format!("camera {index}");
        std::thread::Builder::new().name(name).spawn(move || {
            let mut scene = scenes::cameras(index + 1).remove(index);
            let pause = Duration::from_secs(1) / fps;
            for number in 0_u32.. {
                slot.put(Arc::new(scene.draw(number)));
                repaint.frame_arrived();
                if still || scene.stands_still() {
                    return;
                }
                std::thread::sleep(pause);
            }
        })?;
    }
    if let Some(seconds) = close_after {
        let close = close.clone();
        std::thread::Builder::new().name("closer".into()).spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            close.close();
        })?;
    }
    run("Lanlens", options, Port { snapshot, scenes }, repaint, close)?;
    println!("closed");
    Ok(())
}
