//! What differs between operating systems: the one place with `cfg(target_os)` outside `capture`.

use std::path::PathBuf;
use std::time::Duration;

/// Where identity, trust and settings are kept unless told otherwise: the platform's data folder.
/// `None` where the system names no home folder.
pub fn default_home() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "lanlens")?;
    Some(dirs.data_dir().to_owned())
}

/// What this process has used so far: processor time, and resident memory in bytes now. `None`
/// where the system does not tell in a way this program knows.
#[cfg(target_os = "linux")]
pub fn usage() -> Option<(Duration, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in parentheses and may hold anything.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let pages: u64 = fields.get(21)?.parse().ok()?;
    // USER_HZ is 100 on every Linux that Rust supports; the page size is the kernel's own word.
    let page_bytes = page_bytes().unwrap_or(4096);
    Some((Duration::from_millis(ticks * 10), pages * page_bytes))
}

#[cfg(target_os = "linux")]
fn page_bytes() -> Option<u64> {
    let auxv = std::fs::read("/proc/self/auxv").ok()?;
    // AT_PAGESZ is entry 6 (getauxval(3)).
    auxv.chunks_exact(16).find_map(|entry| {
        let key = u64::from_ne_bytes(entry[..8].try_into().ok()?);
        (key == 6).then(|| entry[8..].try_into().ok().map(u64::from_ne_bytes)).flatten()
    })
}

/// What this process has used so far; not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn usage() -> Option<(Duration, u64)> {
    None
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn usage_grows_with_work() {
        let (before, memory) = super::usage().unwrap();
        assert!(memory > 500_000);
        let mut sum = 0u64;
        while super::usage().unwrap().0 <= before {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
