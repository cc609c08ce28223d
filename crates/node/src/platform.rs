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

/// From here a block of memory is mapped on its own, bytes: where glibc begins.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 128 * 1024;
/// A heap whose end is free gives it back beyond this, bytes: more than a window takes and frees in
/// small blocks with every picture, or it would ask for them anew each time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SPARE_BYTES: i32 = 4 * 1024 * 1024;

/// Sees to it that memory goes back to the system when its owner is gone. To be called first of all,
/// while there is one thread; where there is no glibc, nothing is to be done.
///
/// The codec takes its memory in a few large blocks, made and freed with every session. glibc maps
/// such a block on its own and unmaps it when it is freed, but from then on keeps blocks of that size
/// in the heap of the thread that asked. Threads come and go, so that each heap in turn grows by a
/// whole encoder, of which nothing is ever given back (`docs/decisions/0018-large-blocks-go-back.md`).
pub fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "mallopt has no safe wrapper")]
    // SAFETY: it takes two integers by value and changes one setting of the allocator; no other
    // thread exists that could allocate meanwhile. A refusal leaves everything as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, SPARE_BYTES);
    }
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
