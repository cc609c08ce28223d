//! Which other program has a device open, as far as `/proc` lets us see.

use std::fs;
use std::path::Path;

/// Programs whose files are not ours can't be seen; more of them than this are not named.
const NAMED_MAX: usize = 3;

/// Names and process ids of the programs that have `device` open, such as `cheese (pid 1234)`;
/// without this program. Empty where none can be seen.
pub(super) fn holders(proc: &Path, device: &Path) -> Vec<String> {
    let device = device.canonicalize().unwrap_or_else(|_| device.to_owned());
    let Ok(processes) = fs::read_dir(proc) else { return Vec::new() };
    let mut found: Vec<(u32, String)> = processes
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let pid: u32 = folder.file_name()?.to_str()?.parse().ok()?;
            let open = fs::read_dir(folder.join("fd")).ok()?.any(|file| {
                file.ok()
                    .and_then(|file| fs::read_link(file.path()).ok())
                    .is_some_and(|link| link == device)
            });
            let name = fs::read_to_string(folder.join("comm")).ok()?;
            (open && pid != std::process::id()).then(|| (pid, name.trim().to_owned()))
        })
        .collect();
    found.sort();
    found.into_iter().take(NAMED_MAX).map(|(pid, name)| format!("{name} (pid {pid})")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_holds_the_device_is_named() {
        let proc = tempfile::tempdir().unwrap();
        let device = tempfile::NamedTempFile::new().unwrap();
        let own = std::process::id().to_string();
        for (pid, name, target) in [
            ("1234", "cheese", device.path()),
            ("77", "bash", Path::new("/dev/null")),
            (own.as_str(), "lanlens-camera", device.path()),
        ] {
            let files = proc.path().join(pid).join("fd");
            fs::create_dir_all(&files).unwrap();
            fs::write(proc.path().join(pid).join("comm"), format!("{name}\n")).unwrap();
            std::os::unix::fs::symlink(target, files.join("9")).unwrap();
        }
        fs::create_dir(proc.path().join("self")).unwrap();
        assert_eq!(holders(proc.path(), device.path()), ["cheese (pid 1234)"]);
        assert!(holders(Path::new("/nowhere"), device.path()).is_empty());
    }
}
