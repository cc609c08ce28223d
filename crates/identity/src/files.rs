//! Private files, changed so that a reader sees the old content or the new one and nothing between.
//!
//! Owns file modes, locks and the atomic rename; knows nothing of what the files say.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

/// How long another program may hold a lock before we say so: changes take milliseconds.
const LOCK_TRIES: u32 = 400;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Options that create a file which only its owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file for reading and writing, created empty and private if missing.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    private().read(true).write(true).create(true).truncate(false).open(path)
}

/// Takes the exclusive lock of `path` until the returned file is dropped.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when somebody holds it for more than two seconds.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let file = open_private(path)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another program holds the lock"))
}

/// Replaces the content of `path` at once and for good. The caller holds the lock for `path`.
///
/// # Errors
/// What the system says; the old content stands then.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    if let Err(error) = write_whole(&new, content).and_then(|()| fs::rename(&new, path)) {
        // On a full disk, half a file that nobody will read is in the way of everything else.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_parent(path)
}

/// Writes a new private file down to the disk.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private().write(true).create(true).truncate(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes a rename survive a power cut.
fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The whole file, `None` if there is none.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] past `bytes_max`.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    match content.len() as u64 > bytes_max {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(Some(content)),
    }
}

/// Creates a folder that only its owner can enter; missing parents get the usual mode.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Takes every right from group and others. Nothing to do where files have no mode.
pub(crate) fn make_private(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, mode);
        Ok(())
    }
}

/// The rights of group and others on `path`, as mode bits; 0 where files have no mode.
pub(crate) fn foreign_rights(path: &Path) -> io::Result<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Ok(fs::metadata(path)?.permissions().mode() & 0o077)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(0)
    }
}

/// The user (id) who owns `path`, if that is neither this program's user nor root; `None` where
/// files have no owner.
pub(crate) fn foreign_owner(path: &Path) -> io::Result<Option<u32>> {
    #[cfg(unix)]
    {
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(path)?);
        let ours = [rustix::process::geteuid().as_raw(), rustix::process::Uid::ROOT.as_raw()];
        Ok((!ours.contains(&owner)).then_some(owner))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}
