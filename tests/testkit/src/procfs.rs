//! A process as the kernel sees it (`proc(5)`).

use std::fs;

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: u64 = 100;
/// Bytes of a KiB, which `/proc/PID/status` counts in.
const KIB_PER_MIB: f64 = 1024.0;

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Resident memory, MiB.
    pub rss_mib: f64,
    /// Processor time in user and kernel mode since the start, ms.
    pub cpu_ms: u64,
    /// Threads.
    pub threads: usize,
    /// Open file descriptors.
    pub files: usize,
}

/// Names of a process's threads (at most 15 bytes each).
///
/// # Errors
/// When there is no such process.
pub fn threads(pid: u32) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        if let Ok(name) = fs::read_to_string(task?.path().join("comm")) {
            names.push(name.trim_end().to_owned());
        }
    }
    Ok(names)
}

/// What a process uses now.
///
/// # Errors
/// When there is no such process, or the kernel answers in another form.
pub fn usage(pid: u32) -> Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let rss_kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let rss_kib = rss_kib.and_then(|rest| rest.trim().strip_suffix(" kB")).context("no VmRSS")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, the name in parentheses, may itself hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok());
    let (user, kernel) = (ticks(11).context("no utime")?, ticks(12).context("no stime")?);
    Ok(Usage {
        rss_mib: rss_kib.trim().parse::<f64>()? / KIB_PER_MIB,
        cpu_ms: (user + kernel) * 1000 / TICKS_PER_SECOND,
        threads: fs::read_dir(format!("/proc/{pid}/task"))?.count(),
        files: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
    })
}
