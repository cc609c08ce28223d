//! `lanlens trust`, run to its end on a home whose programs run meanwhile.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lanlens_model::DeviceId;
use lanlens_testkit::{Event, Launch, Program, bin};

/// For a command that reads and writes one small file.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs it, however it ends.
///
/// # Errors
/// When it does not end by itself.
pub fn try_trust(home: &Path, args: &[&str]) -> Result<Program> {
    launch(home, args)?.finish(LIMIT)
}

/// About to be run.
///
/// # Errors
/// When the program has not been built.
pub fn launch(home: &Path, args: &[&str]) -> Result<Launch> {
    let title = format!("lanlens trust {}", args.join(" "));
    let launch = Launch::here(bin("lanlens")?).env("HOME", home).env("LANLENS_HOME", home);
    Ok(launch.without_env("XDG_DATA_HOME").arg("trust").args(args).title(&title))
}

/// Runs it; what it printed.
///
/// # Errors
/// When it fails.
pub fn trust(home: &Path, args: &[&str]) -> Result<String> {
    let program = try_trust(home, args)?;
    program.check(program.exit_code() == Some(0), "failed")?;
    let lines = program.events();
    let mut lines = lines.iter().map(|line| line.value.as_str().unwrap_or_default());
    Ok(lines.by_ref().collect::<Vec<_>>().join("\n"))
}

/// The devices on one of the lists: `waiting`, `owner`, `watcher` or `denied`.
///
/// # Errors
/// When the lists cannot be read.
pub fn listed(home: &Path, list: &str) -> Result<Vec<Event>> {
    let program = try_trust(home, &["list", "--json"])?;
    // 3: nobody at all.
    program.check(matches!(program.exit_code(), Some(0 | 3)), "failed")?;
    let mut events = program.events();
    events.retain(|event| event.text("list") == list);
    Ok(events)
}

/// Whether a device is on one of the lists.
///
/// # Errors
/// As [`listed`].
pub fn is_listed(home: &Path, list: &str, device: DeviceId) -> Result<bool> {
    let device = device.to_string();
    Ok(listed(home, list)?.iter().any(|event| event.text("device") == device))
}

/// The link to a home's cameras, as `lanlens trust invite` prints it.
///
/// # Errors
/// When it prints anything else.
pub fn invitation(home: &Path) -> Result<String> {
    let link = trust(home, &["invite"])?.trim().to_owned();
    if !link.starts_with("lanlens:join/") {
        bail!("no link: {link}");
    }
    Ok(link)
}

/// The device that a command speaks of in its only line: the last word.
///
/// # Errors
/// When it is none.
pub fn device_in(line: &str) -> Result<DeviceId> {
    let word = line.split_whitespace().find_map(|word| word.parse().ok());
    word.with_context(|| format!("no device in “{line}”"))
}
