//! What a program prints: JSON for scripts on stdout, words for people and logs on stderr.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use serde_json::{Map, Value};
use tracing_subscriber::EnvFilter;

/// Logs go to stderr, by `RUST_LOG`; warnings and errors where it is not set.
pub fn init_logging() {
    // The stack below reports every lost packet and closed socket as a warning, and every packet that
    // a firewall refuses as an error, fifty a second.
    let quiet = "warn,webrtc=error,webrtc::peer_connection::driver=off,rtc=error,mdns_sd=error,\
                 wgpu=error,naga=error,zbus=error,winit=error";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
    // Only a second start in one process fails, and then logging stands already.
    drop(started);
}

/// One line for people, with every cause.
pub fn say_error(error: &anyhow::Error) {
    eprintln!("error: {}", with_causes(error));
}

/// Many errors name their cause in the middle of a sentence, before what to do: it is not told again.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        match told.is_empty() {
            true => cause,
            false if told.contains(&cause) => told,
            false => format!("{told}: {cause}"),
        }
    })
}

/// Events as JSON, one object a line, each with the time since the program's start.
#[derive(Debug, Clone, Copy)]
pub struct JsonLines {
    start: Instant,
}

impl JsonLines {
    /// Times count from `start`.
    pub fn new(start: Instant) -> Self {
        Self { start }
    }

    /// Milliseconds since the start.
    pub fn t_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Prints an event; `fields` must be an object. `false` when nobody reads any more.
    pub fn print(&self, event: &str, fields: Value) -> bool {
        let mut line = Map::new();
        line.insert("event".to_owned(), event.into());
        line.insert("t_ms".to_owned(), self.t_ms().into());
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use lanlens_node::StartError;

    #[test]
    fn every_cause_is_told_and_none_twice() {
        let full = || std::io::Error::other("the disk is full");
        let error = anyhow::Error::new(StartError::Thread(full())).context("no camera");
        assert_eq!(with_causes(&error), "no camera: cannot start a thread: the disk is full");
        let error = Err::<(), _>(full()).context("cannot start").unwrap_err();
        assert_eq!(with_causes(&error), "cannot start: the disk is full");
    }
}
