//! What programs use that were never ended, minute by minute: it must stay as it was after the first.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use lanlens_testkit::figure;
use lanlens_testkit::procfs::Usage;

/// Heaps of small blocks settle within this, MiB: each keeps what the sessions of its threads needed
/// when they needed most. Half an hour makes some 300 sessions, so that 20 KiB lost with each shows.
const MEMORY_SLACK_MIB: f64 = 6.0;
/// Sockets that are being closed.
const FILES_SLACK: usize = 8;
/// Helpers of the runtime that end when nothing is left to do.
const THREADS_SLACK: usize = 4;

/// By program.
#[derive(Debug, Default)]
pub(crate) struct Usages {
    minutes: Vec<BTreeMap<String, Usage>>,
}

impl Usages {
    /// Another minute.
    ///
    /// # Errors
    /// When something has grown since the first.
    pub(crate) fn add(&mut self, usage: BTreeMap<String, Usage>) -> Result<()> {
        self.minutes.push(usage);
        let (Some(first), Some(now)) = (self.minutes.first(), self.minutes.last()) else {
            return Ok(());
        };
        first.iter().filter_map(|(name, before)| Some((name, before, now.get(name)?))).try_for_each(
            |(name, before, now)| {
                ensure!(is_flat(before, now), "{name} grows: {before:?}, now {now:?}");
                Ok(())
            },
        )
    }

    /// Reports how much has grown at last.
    ///
    /// # Errors
    /// When there was nothing to compare: a run that says nothing.
    pub(crate) fn check(&self) -> Result<()> {
        let (Some(first), Some(last)) = (self.minutes.first(), self.minutes.last()) else {
            anyhow::bail!("nothing was measured");
        };
        for (name, before) in first {
            let Some(now) = last.get(name) else { continue };
            let grown = now.rss_mib - before.rss_mib;
            let target = format!("at most {MEMORY_SLACK_MIB}");
            figure::report(&format!("soak_{name}_memory_grown"), grown, "MiB", &target);
            let grown = now.files as f64 - before.files as f64;
            figure::report(&format!("soak_{name}_files_grown"), grown, "files", "about 0");
            let grown = now.threads as f64 - before.threads as f64;
            figure::report(&format!("soak_{name}_threads_grown"), grown, "threads", "about 0");
        }
        Ok(())
    }
}

fn is_flat(before: &Usage, now: &Usage) -> bool {
    now.rss_mib <= before.rss_mib + MEMORY_SLACK_MIB
        && now.files <= before.files + FILES_SLACK
        && now.threads <= before.threads + THREADS_SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(rss_mib: f64, files: usize) -> BTreeMap<String, Usage> {
        let usage = Usage { rss_mib, cpu_ms: 0, threads: 9, files };
        BTreeMap::from([("camera".to_owned(), usage)])
    }

    #[test]
    fn what_grows_is_found_and_what_wavers_is_not() {
        let mut usages = Usages::default();
        for (rss, files) in [(40.0, 30), (45.0, 33), (41.0, 28)] {
            usages.add(usage(rss, files)).unwrap();
        }
        assert!(usages.add(usage(47.0, 30)).is_err());
        assert!(usages.add(usage(40.0, 39)).is_err());
    }
}
