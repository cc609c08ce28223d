//! `lanlens`: what the viewer does, in a terminal and for scripts.

mod grid;
mod hashes;
mod list;
mod table;
mod watch;
mod watch_json;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use lanlens_app::{EXIT_FAILED, init_logging, say_error};

const EXAMPLES: &str = "\
Examples:
  lanlens list                          what is on the network
  lanlens watch                         receive every camera, figures every second
  lanlens watch Kitchen --for 10        one camera, ten seconds, then a summary
  lanlens watch --json | jq             for scripts

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found.";

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
}

#[tokio::main]
async fn main() -> ExitCode {
    let begin = Instant::now();
    let cli = Cli::parse();
    init_logging();
    let outcome = match cli.task {
        Task::List(args) => list::run(args).await,
        Task::Watch(args) => watch::run(args, begin).await,
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say_error(&error);
            ExitCode::from(EXIT_FAILED)
        }
    }
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
        for task in ["record", "snapshot", "doctor", "trust", "phone"] {
            let error = Cli::try_parse_from(["lanlens", task]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{task}");
        }
        assert!(Cli::try_parse_from(["lanlens", "watch", "--layer", "low"]).is_err());
    }
}
