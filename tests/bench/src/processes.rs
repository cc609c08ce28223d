//! What processes cost over a stretch of time, alone or with all that they started (`proc(5)`).

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lanlens_testkit::procfs;

/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 for user space on Linux.
const MS_PER_TICK: u64 = 10;
/// Threads named in a profile; the others are summed up.
const THREADS_SHOWN: usize = 8;

/// What some processes had used when it was made.
#[derive(Debug)]
pub struct Meter {
    pids: Vec<u32>,
    started: Instant,
    cpu_ms: u64,
    threads: BTreeMap<String, u64>,
}

/// What they cost since.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Processor time in user and kernel mode, ms a second.
    pub cpu_ms_per_s: f64,
    /// Resident memory now, MiB.
    pub rss_mib: f64,
    /// Where the time went: names of threads with their ms a second, most first.
    pub profile: String,
}

impl Meter {
    /// Starts to measure one process.
    ///
    /// # Errors
    /// When it has ended.
    pub fn of(pid: u32) -> Result<Self> {
        Self::start(vec![pid])
    }

    /// Starts to measure a process and all that descend from it now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn of_tree(root: u32) -> Result<Self> {
        let parents = parents()?;
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(&parent) = pids.get(next) {
            pids.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        Self::start(pids)
    }

    fn start(pids: Vec<u32>) -> Result<Self> {
        let (cpu_ms, _) = total(&pids)?;
        let threads = threads(&pids);
        Ok(Self { pids, started: Instant::now(), cpu_ms, threads })
    }

    /// What it cost from the start to now.
    ///
    /// # Errors
    /// When the first process has ended.
    pub fn read(&self) -> Result<Cost> {
        let seconds = self.started.elapsed().as_secs_f64();
        let (cpu_ms, rss_mib) = total(&self.pids)?;
        let spent = cpu_ms.saturating_sub(self.cpu_ms) as f64;
        let profile = profile(&self.threads, &threads(&self.pids), seconds);
        Ok(Cost { cpu_ms_per_s: spent / seconds, rss_mib, profile })
    }

    /// Waits for `time` and reads.
    ///
    /// # Errors
    /// As [`Meter::read`].
    pub fn after(self, time: Duration) -> Result<Cost> {
        std::thread::sleep(time);
        self.read()
    }
}

/// Processor time (ms) and memory (MiB) of processes; those that ended, the first apart, count nothing.
fn total(pids: &[u32]) -> Result<(u64, f64)> {
    let first = pids.first().context("no process to measure")?;
    let root = procfs::usage(*first)?;
    let others = pids.iter().skip(1).filter_map(|pid| procfs::usage(*pid).ok());
    Ok(others.fold((root.cpu_ms, root.rss_mib), |(cpu, rss), usage| {
        (cpu + usage.cpu_ms, rss + usage.rss_mib)
    }))
}

/// The parent of each process.
fn parents() -> Result<BTreeMap<u32, u32>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let parent = after_name(&stat).and_then(|fields| fields.split(' ').nth(1)?.parse().ok());
        parents.extend(parent.map(|parent: u32| (pid, parent)));
    }
    Ok(parents)
}

/// Processor time of each thread, ms, summed up by name without its number.
fn threads(pids: &[u32]) -> BTreeMap<String, u64> {
    let mut times = BTreeMap::new();
    for pid in pids {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
            let name = stat.split_once('(').and_then(|(_, rest)| Some(rest.rsplit_once(')')?.0));
            let (Some(name), Some(fields)) = (name, after_name(&stat)) else { continue };
            let ticks: u64 =
                fields.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '#');
            *times.entry(name.trim_end().to_owned()).or_default() += ticks * MS_PER_TICK;
        }
    }
    times
}

/// The fields of a `stat` after the name in parentheses, which may itself hold both.
fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, fields)| fields)
}

fn profile(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>, seconds: f64) -> String {
    let spent = |(name, ms): (&String, &u64)| {
        (name.clone(), ms.saturating_sub(before.get(name).copied().unwrap_or(0)) as f64 / seconds)
    };
    let mut threads: Vec<(String, f64)> = now.iter().map(spent).collect();
    threads.sort_by(|one, other| other.1.total_cmp(&one.1));
    let rest: f64 = threads.iter().skip(THREADS_SHOWN).map(|(_, ms)| ms).sum();
    threads.truncate(THREADS_SHOWN);
    threads.retain(|(_, ms)| *ms >= 0.5);
    let named = threads.iter().map(|(name, ms)| format!("{name} {ms:.1}"));
    let rest = (rest >= 0.5).then(|| format!("others {rest:.1}"));
    named.chain(rest).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_process_that_works_costs_what_it_works() {
        let meter = Meter::of(std::process::id()).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            std::hint::black_box(threads(&[std::process::id()]));
        }
        let cost = meter.read().unwrap();
        assert!(cost.cpu_ms_per_s > 50.0, "{cost:?}");
        assert!(cost.rss_mib > 0.5, "{cost:?}");
        assert!(!cost.profile.is_empty());
    }

    #[test]
    fn a_tree_holds_the_children_of_children() {
        let mut shell = std::process::Command::new("sh");
        // The grandchild outlives the test by a moment: it must not hold the test's own output.
        let shell =
            shell.args(["-c", "sleep 5 & wait"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = shell.spawn().unwrap();
        let start = Instant::now();
        let mut seen = 0;
        while seen < 3 && start.elapsed() < Duration::from_secs(5) {
            seen = Meter::of_tree(std::process::id()).unwrap().pids.len();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen >= 3, "this process, the shell and its sleep: {seen}");
    }

    #[test]
    fn a_profile_names_the_busiest_threads_first() {
        let before = BTreeMap::from([("enc".to_owned(), 100), ("node".to_owned(), 50)]);
        let now = BTreeMap::from([("enc".to_owned(), 140), ("node".to_owned(), 250)]);
        assert_eq!(profile(&before, &now, 2.0), "node 100.0, enc 20.0");
    }
}
