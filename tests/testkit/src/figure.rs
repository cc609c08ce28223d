//! Measured figures beside their targets.
//!
//! Each figure is one line that begins with `FIGURE`, and is appended to the file that
//! `LANLENS_FIGURES` names, so that one run of the tests shows them all. A busy machine must not
//! fail a test, so the limit asserted is generous; with `LANLENS_STRICT=1`, on a quiet machine, it
//! is the target itself.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};

/// How many times a target a busy machine may take.
pub const GENEROUS: u32 = 5;

/// Whether targets themselves are asserted (`LANLENS_STRICT=1`).
pub fn strict() -> bool {
    std::env::var("LANLENS_STRICT").is_ok_and(|value| value == "1")
}

/// How long to wait for something that should take `target`: at least 5 s, so that a slow machine
/// yields a figure in place of a timeout.
pub fn patience(target: Duration) -> Duration {
    (target * GENEROUS * 2).max(Duration::from_secs(5))
}

/// Reports a figure that must not be larger than its target (five times that, unless strict).
///
/// # Errors
/// When it is too large.
pub fn at_most(name: &str, value: f64, unit: &str, target: f64) -> Result<()> {
    report(name, value, unit, &format!("at most {target}"));
    let limit = if strict() { target } else { target * f64::from(GENEROUS) };
    ensure!(value <= limit, "{name} is {value:.1} {unit}: at most {limit} is allowed here");
    Ok(())
}

/// Reports a figure that must reach its target (`lenient`, unless strict).
///
/// # Errors
/// When it is too small.
pub fn at_least(name: &str, value: f64, unit: &str, target: f64, lenient: f64) -> Result<()> {
    report(name, value, unit, &format!("at least {target}"));
    let limit = if strict() { target } else { lenient };
    ensure!(value >= limit, "{name} is {value:.1} {unit}: at least {limit} is needed here");
    Ok(())
}

/// Reports a duration against its target, in ms.
///
/// # Errors
/// When it is too long.
pub fn within(name: &str, took: Duration, target: Duration) -> Result<()> {
    at_most(name, took.as_secs_f64() * 1000.0, "ms", target.as_secs_f64() * 1000.0)
}

/// Prints a figure, and notes it in the file of `LANLENS_FIGURES`.
pub fn report(name: &str, value: f64, unit: &str, target: &str) {
    let line = line(name, value, unit, target);
    println!("{line}");
    if let Some(path) = std::env::var_os("LANLENS_FIGURES") {
        let file = File::options().create(true).append(true).open(&path);
        // One write a line, so that lines of tests that run side by side stay whole.
        if let Err(error) = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
        {
            eprintln!("cannot note the figure in {}: {error}", path.display());
        }
    }
}

fn line(name: &str, value: f64, unit: &str, target: &str) -> String {
    format!("FIGURE {name} {value:.1} {unit} (target {target})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_one_line_with_its_target() {
        let line = line("first_frame", 812.0, "ms", "at most 1000");
        assert_eq!(line, "FIGURE first_frame 812.0 ms (target at most 1000)");
    }
}
