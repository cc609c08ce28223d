//! Where this home's running programs serve their page for phones.
//!
//! Owns `web/SLOT.json`, which outlives the program, so that a page finds it at the same port again,
//! and `web/SLOT.lock`, which is held while it serves: so `lanlens phone` finds running programs
//! without asking any. (The slot's own lock is not probed: a probe could make a program that starts
//! at that moment take the next slot.)

use std::fs::{File, TryLockError};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Home, files};

const VERSION: u32 = 1;
/// Far more than a machine's addresses take.
const BYTES_MAX: u64 = 64 * 1024;
/// Files looked at, so that a full folder does not stop a command.
const DOORS_MAX: usize = 1024;

/// A page's place could not be written down.
#[derive(Debug, Error)]
#[error("cannot use {path} ({source}): make it readable and writable")]
pub struct DoorError {
    /// Which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Where a program serves its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The slot of the program.
    pub slot: String,
    /// The port, on each of the addresses.
    pub port: u16,
    /// The machine's addresses when they last changed.
    pub addresses: Vec<IpAddr>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// A door that is open until this is dropped.
#[derive(Debug)]
pub struct DoorGuard {
    path: PathBuf,
    /// Dropping the file ends the lock.
    _held: File,
}

impl DoorGuard {
    /// Opens the door of `slot`, which the caller holds.
    ///
    /// # Errors
    /// See [`DoorError`]; also when another program serves in that slot.
    pub fn open(home: &Home, slot: &str) -> Result<Self, DoorError> {
        let dir = folder(home);
        files::create_private_dir(&dir)
            .map_err(|source| DoorError { path: dir.clone(), source })?;
        let path = dir.join(format!("{slot}.lock"));
        let held = files::lock(&path).map_err(|source| DoorError { path, source })?;
        Ok(Self { path: dir.join(format!("{slot}.json")), _held: held })
    }

    /// Where this slot was served last; `None` where that is not known.
    pub fn remembered_port(&self) -> Option<u16> {
        read(&self.path).map(|stored| stored.port)
    }

    /// Tells where it is served now.
    ///
    /// # Errors
    /// See [`DoorError`].
    pub fn tell(&self, port: u16, addresses: &[IpAddr]) -> Result<(), DoorError> {
        let failed = |source| DoorError { path: self.path.clone(), source };
        let stored = Stored { v: VERSION, port, addresses: addresses.to_vec() };
        let text = serde_json::to_vec_pretty(&stored).map_err(|error| failed(error.into()))?;
        files::replace(&self.path, &text).map_err(failed)
    }
}

/// The pages that are served now by programs of this home, by slot. What cannot be read is left out.
pub fn running_doors(home: &Home) -> Vec<Door> {
    let Ok(entries) = std::fs::read_dir(folder(home)) else { return Vec::new() };
    let mut doors: Vec<Door> =
        entries.flatten().take(DOORS_MAX).filter_map(|entry| running(&entry.path())).collect();
    doors.sort_by(|a, b| a.slot.cmp(&b.slot));
    doors
}

fn running(path: &Path) -> Option<Door> {
    let slot = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
    let lock = File::open(path.with_extension("lock")).ok()?;
    // Shared, so that two who look do not take each other for the program.
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    let Stored { port, addresses, .. } = read(path)?;
    Some(Door { slot, port, addresses })
}

fn read(path: &Path) -> Option<Stored> {
    let content = files::read(path, BYTES_MAX).ok().flatten()?;
    serde_json::from_slice::<Stored>(&content).ok().filter(|stored| stored.v == VERSION)
}

fn folder(home: &Home) -> PathBuf {
    home.file("web")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        (dir, home)
    }

    fn ips() -> Vec<IpAddr> {
        vec!["192.168.1.7".parse().unwrap(), "fd00::7".parse().unwrap()]
    }

    #[test]
    fn a_door_is_found_while_it_is_open_and_its_port_remembered_after() {
        let (_dir, home) = home();
        assert_eq!(running_doors(&home), []);
        let door = DoorGuard::open(&home, "viewer-screen-0").unwrap();
        assert_eq!(door.remembered_port(), None);
        door.tell(17443, &ips()).unwrap();
        let other = DoorGuard::open(&home, "camera-pattern-0").unwrap();
        other.tell(17444, &[]).unwrap();
        let slots = |home| running_doors(home).into_iter().map(|d| d.slot).collect::<Vec<_>>();
        assert_eq!(slots(&home), ["camera-pattern-0", "viewer-screen-0"]);
        drop(other);
        let expected = Door { slot: "viewer-screen-0".into(), port: 17443, addresses: ips() };
        assert_eq!(running_doors(&home), [expected]);
        drop(door);
        assert_eq!(running_doors(&home), []);
        assert_eq!(
            DoorGuard::open(&home, "viewer-screen-0").unwrap().remembered_port(),
            Some(17443)
        );
    }

    #[test]
    fn looking_does_not_keep_a_program_from_opening_its_door() {
        let (_dir, home) = home();
        drop(DoorGuard::open(&home, "viewer-screen-0").unwrap());
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| (0..300).for_each(|_| drop(running_doors(&home))));
            for _ in 0..100 {
                let door = DoorGuard::open(&home, "viewer-screen-0").unwrap();
                door.tell(17443, &[]).unwrap();
                assert_eq!(running_doors(&home).len(), 1);
            }
            looking.join().unwrap();
        });
    }

    #[test]
    fn a_damaged_file_is_no_door_and_is_written_anew() {
        let (dir, home) = home();
        let door = DoorGuard::open(&home, "viewer-screen-0").unwrap();
        let path = dir.path().join("web/viewer-screen-0.json");
        for content in
            ["", "{", "[]", r#"{"v":2,"port":1,"addresses":[]}"#, r#"{"v":1,"port":70000}"#]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(door.remembered_port(), None, "{content}");
            assert_eq!(running_doors(&home), [], "{content}");
        }
        door.tell(17450, &[]).unwrap();
        assert_eq!(running_doors(&home).len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_where_pages_are_served() {
        let (dir, home) = home();
        let door = DoorGuard::open(&home, "viewer-screen-0").unwrap();
        door.tell(17443, &ips()).unwrap();
        for file in ["web", "web/viewer-screen-0.json", "web/viewer-screen-0.lock"] {
            assert_eq!(files::foreign_rights(&dir.path().join(file)).unwrap(), 0, "{file}");
        }
    }
}
