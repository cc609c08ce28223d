//! `soak`: a house under random faults, for half an hour or as long as one likes.

use std::process::ExitCode;
use std::time::SystemTime;

use lanlens_e2e::soak::{Plan, run};

const USAGE: &str = "\
usage: soak [--minutes N] [--seed N] [--cameras N] [--viewers N]

Puts a random fault on a house of cameras and viewers every 5 s, and checks that tiles never lie, that
every picture comes back and that nothing grows. Needs root, and `cargo build --release` before.";

fn main() -> ExitCode {
    let Some(plan) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(plan) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Plan> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut plan = Plan { seed: now.as_secs(), minutes: 30, cameras: 4, viewers: 2 };
    while let Some(flag) = args.next() {
        let value = args.next()?;
        match flag.as_str() {
            "--minutes" => plan.minutes = value.parse().ok().filter(|minutes| *minutes > 0)?,
            "--seed" => plan.seed = value.parse().ok()?,
            "--cameras" => plan.cameras = value.parse().ok().filter(|count| *count > 0)?,
            "--viewers" => plan.viewers = value.parse().ok().filter(|count| *count > 0)?,
            _ => return None,
        }
    }
    Some(plan)
}
