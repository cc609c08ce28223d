//! What a program says: JSON lines of its standard output with their time of arrival, and its log.
//!
//! Two named threads read the pipes; tests wait for an event or look at all of them. Memory is
//! bounded: a program that talks too much is cut off, and the test that reads it fails.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

/// Lines of standard output kept.
const EVENTS_MAX: usize = 100_000;
/// Lines of the log kept, the newest.
const LOG_LINES_MAX: usize = 2_000;
/// Of those, shown with a failure.
const LOG_LINES_SHOWN: usize = 60;
/// Events shown with a failure, `stats` apart: they come every second and would push out the rest.
const EVENTS_SHOWN: usize = 60;
/// `stats` shown with a failure.
const STATS_SHOWN: usize = 4;

/// One line of standard output. Reads like the JSON value it holds: `event["fps"]`.
#[derive(Debug, Clone)]
pub struct Event {
    /// When the line was read.
    pub at: Instant,
    /// The line; a JSON string where it was not JSON.
    pub value: Value,
    /// Whether the line was a JSON object, as the contract demands of `--json`.
    pub is_object: bool,
}

impl Event {
    /// The field `event`, empty where there is none.
    pub fn kind(&self) -> &str {
        self.value["event"].as_str().unwrap_or_default()
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: &str) -> bool {
        self.kind() == kind
    }

    /// Whether it is of this kind and concerns this camera.
    pub fn is_of(&self, kind: &str, camera: &str) -> bool {
        self.is(kind) && self.value["camera"] == camera
    }

    /// A field's text, empty where there is none.
    pub fn text(&self, field: &str) -> &str {
        self.value[field].as_str().unwrap_or_default()
    }
}

impl Deref for Event {
    type Target = Value;
    fn deref(&self) -> &Value {
        &self.value
    }
}

#[derive(Debug, Default)]
struct Said {
    events: Vec<Event>,
    log: VecDeque<String>,
    /// Pipes that have ended.
    closed: usize,
}

/// What a program has said so far; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Output {
    shared: Arc<(Mutex<Said>, Condvar)>,
}

impl Output {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads JSON lines from `pipe` on a thread of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn read_events(&self, pipe: impl Read + Send + 'static) -> std::io::Result<()> {
        self.read(pipe, "stdout", |said, line| {
            if said.events.len() < EVENTS_MAX {
                let at = Instant::now();
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                said.events.push(Event { at, is_object: value.is_object(), value });
            }
        })
    }

    /// Reads log lines from `pipe` on a thread of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn read_log(&self, pipe: impl Read + Send + 'static) -> std::io::Result<()> {
        self.read(pipe, "stderr", |said, line| {
            said.log.push_back(line);
            if said.log.len() > LOG_LINES_MAX {
                said.log.pop_front();
            }
        })
    }

    fn read(
        &self,
        pipe: impl Read + Send + 'static,
        name: &str,
        keep: fn(&mut Said, String),
    ) -> std::io::Result<()> {
        let output = self.clone();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let work = move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                keep(&mut output.said(), line);
                output.shared.1.notify_all();
            }
            output.said().closed += 1;
            output.shared.1.notify_all();
        };
        thread.spawn(work).map(drop)
    }

    /// Every line so far.
    pub fn events(&self) -> Vec<Event> {
        self.said().events.clone()
    }

    /// The lines since `mark`.
    pub fn events_from(&self, mark: usize) -> Vec<Event> {
        self.said().events.iter().skip(mark).cloned().collect()
    }

    /// How many lines so far: a place to wait from.
    pub fn mark(&self) -> usize {
        self.said().events.len()
    }

    /// The first event at or after `mark` that passes `test`, as soon as it is there.
    ///
    /// # Errors
    /// When it has not come within `limit`, or the program's output has ended without it.
    pub fn wait(
        &self,
        mark: usize,
        limit: Duration,
        test: impl Fn(&Event) -> bool,
    ) -> Result<Event> {
        let start = Instant::now();
        let mut next = mark;
        let mut said = self.said();
        loop {
            if let Some(event) = said.events.iter().skip(next).find(|event| test(event)) {
                return Ok(event.clone());
            }
            next = said.events.len().max(mark);
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                bail!("not within {} ms", limit.as_millis());
            }
            if said.closed == 2 {
                bail!("its output ended before");
            }
            let woken = self.shared.1.wait_timeout(said, left);
            said = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until both pipes have ended, so that all that was said is here.
    pub(crate) fn wait_closed(&self, limit: Duration) {
        let wait = self.shared.1.wait_timeout_while(self.said(), limit, |said| said.closed < 2);
        drop(wait);
    }

    /// The log so far, one line a line.
    pub fn log(&self) -> String {
        self.said().log.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The last events and log lines, for a failure's text.
    pub(crate) fn tail(&self) -> String {
        let said = self.said();
        let mut text = String::from("  its last events:\n");
        let (mut events, mut stats) = (EVENTS_SHOWN, STATS_SHOWN);
        let mut shown: Vec<&Event> = Vec::new();
        for event in said.events.iter().rev() {
            let left = if event.is("stats") { &mut stats } else { &mut events };
            if *left > 0 {
                *left -= 1;
                shown.push(event);
            }
        }
        for event in shown.iter().rev() {
            text.push_str(&format!("    {}\n", event.value));
        }
        text.push_str("  its last log lines:\n");
        for line in said.log.iter().skip(said.log.len().saturating_sub(LOG_LINES_SHOWN)) {
            text.push_str(&format!("    {line}\n"));
        }
        text
    }
}
