//! What happened, for whoever has to understand a seed that failed.

use std::time::Instant;

/// Lines kept: the end of a day is what matters.
const LINES_MAX: usize = 600;

/// The last things that happened; nothing is written while it is off.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) on: bool,
    /// Who plays, and under which rules.
    pub(crate) head: Vec<String>,
    lines: std::collections::VecDeque<String>,
}

impl Trace {
    pub(crate) fn note(&mut self, passed: std::time::Duration, line: &str) {
        if self.lines.len() >= LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:>11.3} ms  {line}", passed.as_secs_f64() * 1e3));
    }

    /// Everything that is kept, one line each.
    pub(crate) fn text(&self) -> String {
        let all = self.head.iter().filter(|_| self.on).chain(&self.lines);
        all.map(|line| format!("{line}\n")).collect()
    }
}

/// Milliseconds between two instants.
pub(crate) fn ms(from: Instant, to: Instant) -> u64 {
    to.duration_since(from).as_millis().try_into().unwrap_or(u64::MAX)
}

/// Writes a line where the trace is on; its words are not even made where it is off.
macro_rules! note {
    ($world:expr, $($words:tt)*) => {
        if $world.trace.on {
            let line = format!($($words)*);
            let passed = $world.queue.now - $world.start;
            $world.trace.note(passed, &line);
        }
    };
}
pub(crate) use note;
