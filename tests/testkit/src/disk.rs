//! A small disk that several programs of a test share, and that can be full.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::program::{Launch, Program};
use crate::{Host, output::Event};

/// What takes up the room.
const FILLER: &str = "filler";

/// A disk in memory, gone with the last clone of this value. Programs find it at [`SmallDisk::folder`] if they are
/// started by [`SmallDisk::launch`]; this test sees it at [`SmallDisk::seen`].
#[derive(Debug, Clone)]
pub struct SmallDisk {
    holder: Arc<Program>,
    folder: PathBuf,
}

impl SmallDisk {
    /// A new, empty one of so many KiB, at this folder, which must exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(host: &Host, folder: &Path, kib: u32) -> Result<Self> {
        let sleep = ["-c", "echo '{\"event\":\"mounted\"}' && exec sleep infinity"];
        let launch = host.launch_on_small_disk("sh", folder, kib);
        let holder = launch.args(sleep).title("a small disk").start()?;
        let mounted = |event: &Event| event.is("mounted");
        holder.wait("the disk", Duration::from_secs(5), mounted)?;
        Ok(Self { holder: Arc::new(holder), folder: folder.to_owned() })
    }

    /// Where programs find it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it is for everybody else.
    pub fn seen(&self) -> PathBuf {
        let below = self.folder.strip_prefix("/").unwrap_or(&self.folder);
        self.holder.root().join(below)
    }

    /// Prepares a program to run on this host with this disk.
    pub fn launch(&self, host: &Host, program: impl AsRef<OsStr>) -> Launch {
        let title = Path::new(program.as_ref()).file_name().unwrap_or_default().to_string_lossy();
        let title = format!("{title} on {}", host.name());
        let mounts = format!("--mount=/proc/{}/ns/mnt", self.holder.pid());
        host.launch("nsenter").args([&mounts, "--"]).arg(program).title(&title)
    }

    /// Takes every byte that is left.
    ///
    /// # Errors
    /// When writing fails for another reason.
    pub fn fill(&self) -> Result<()> {
        let mut file = File::create(self.seen().join(FILLER))?;
        for bytes in [4096, 1] {
            loop {
                match file.write_all(&vec![7; bytes]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => bail!(error),
                }
            }
        }
        Ok(())
    }

    /// Gives back what [`SmallDisk::fill`] took.
    ///
    /// # Errors
    /// When nothing was taken.
    pub fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.seen().join(FILLER))?)
    }
}
