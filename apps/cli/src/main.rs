//! `lanlens`: what the viewer does, in a terminal and for scripts.

mod doctor;
mod grid;
mod hashes;
mod list;
mod phone;
mod phone_encoder;
mod phone_list;
mod table;
mod trust;
mod trust_invite;
mod trust_list;
mod watch;
mod watch_json;
mod watch_words;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  lanlens list                          what is on the network
  lanlens watch                         receive every camera, figures every second
  lanlens watch Kitchen --for 10        one camera, ten seconds, then a summary
  lanlens watch --json | jq             for scripts
  lanlens doctor                        why is my camera not there?
  lanlens phone                         a code to scan: a phone becomes a camera
  lanlens trust list                    who waits for leave, and who may watch

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found, 130 interrupted.";

/// Cameras of the local network, in a terminal. No server, no account.
#[derive(Debug, Parser)]
#[command(name = "lanlens", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// What is on the network
    List(list::ListArgs),
    /// Receive cameras and tell how well that works
    Watch(watch::WatchArgs),
    /// Why is my camera not there: each step, its cause, what to do
    Doctor(doctor::DoctorArgs),
    /// Let a phone or an encoder join as a camera
    Phone(phone::PhoneArgs),
    /// Who may watch this computer's cameras
    Trust(trust::TrustArgs),
}

fn main() -> ExitCode {
    let begin = Instant::now();
    match Cli::parse().task {
        Task::List(args) => lanlens_app::run(list::run(args)),
        Task::Watch(args) => lanlens_app::run(watch::run(args, begin)),
        Task::Doctor(args) => lanlens_app::run(doctor::run(args)),
        Task::Phone(args) => lanlens_app::run(async move { phone::run(&args) }),
        Task::Trust(args) => lanlens_app::run(async { trust::run(args) }),
    }
}

/// What to do when nothing was found.
const NO_CAMERA: &str = "no camera found: start lanlens-camera on a computer of this network; `lanlens doctor` says what is wrong; where multicast is blocked, --scan looks everywhere, and --peer IP:PORT names a camera";

/// Prints on stdout; `false` when nobody reads any more (`| head`), which is no error.
fn out(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_not_built_yet_is_wrong_usage() {
        for task in ["record", "snapshot"] {
            let error = Cli::try_parse_from(["lanlens", task]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{task}");
        }
        assert!(Cli::try_parse_from(["lanlens", "watch", "--layer", "middle"]).is_err());
    }
}
