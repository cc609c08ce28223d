//! `lanlens doctor`: why is my camera not there? Claims no camera and asks nobody for leave.

use std::io::{IsTerminal, stdout};

use anyhow::Result;
use clap::Args;
use lanlens_app::{EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, NetworkArgs, shutdown_signal};
use lanlens_doctor::{CheckState, DoctorConfig, Finding, Progress, examine, most_telling};

use crate::out;

const EXAMPLES: &str = "\
Examples:
  lanlens doctor                            why is my camera not there?
  lanlens doctor --peer 192.168.1.20:17470  a camera that should be at this address
  lanlens doctor --interface wlan0          with the same limit as the viewer
  lanlens doctor --json | jq 'select(.state == \"failed\")'

Takes 2 to 6 seconds. Watches for a moment the cameras that this computer may watch already; claims
none, and asks nobody for leave. Exit code 0: nothing failed, 1: something did.";

/// Flags of `lanlens doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// One JSON object a check on stdout
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    network: NetworkArgs,
}

pub(crate) async fn run(args: DoctorArgs) -> Result<u8> {
    let config = DoctorConfig {
        interfaces: args.network.interface.clone(),
        peers: args.network.peer.clone(),
        ..DoctorConfig::new(args.network.home()?)
    };
    let progress = match args.json {
        true => Progress::silent(),
        false => Progress::new(|sentence| eprintln!("{sentence} …")),
    };
    let findings = tokio::select! {
        findings = examine(&config, progress) => findings?,
        () = shutdown_signal() => {
            eprintln!("interrupted: nothing is known yet");
            return Ok(EXIT_INTERRUPTED);
        }
    };
    match args.json {
        true => print_json(&findings),
        false => print_words(&findings),
    }
    let failed = findings.iter().filter(|f| f.state == CheckState::Failed).count();
    if failed > 0 || !args.json {
        eprintln!("{}", summary(failed, &findings));
    }
    Ok(if failed == 0 { EXIT_DONE } else { EXIT_FAILED })
}

/// The one line to read.
fn summary(failed: usize, findings: &[Finding]) -> String {
    let first = most_telling(findings).map(|first| {
        let next = first.next.as_deref().unwrap_or_default();
        format!("{} {next}", first.cause)
    });
    match (failed, first) {
        (0, None) => "Nothing is wrong.".to_owned(),
        (0, Some(first)) => format!("Nothing failed. {first}"),
        (_, first) => {
            let checks = findings.len();
            format!("{failed} of {checks} checks failed. Begin here: {}", first.unwrap_or_default())
        }
    }
}

fn print_json(findings: &[Finding]) {
    for finding in findings {
        let line = serde_json::to_string(finding).unwrap_or_default();
        out(&format!("{line}\n"));
    }
}

fn print_words(findings: &[Finding]) {
    let colored = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for finding in findings {
        out(&words(finding, colored));
    }
}

/// One check for people; what to do stands below it.
fn words(finding: &Finding, colored: bool) -> String {
    let (mark, color) = match finding.state {
        CheckState::Ok => ("ok", "32"),
        CheckState::Failed => ("FAILED", "31;1"),
        CheckState::Unknown => ("unknown", "33"),
    };
    let mark = format!("{mark:<8}");
    let mark = if colored { format!("\x1b[{color}m{mark}\x1b[0m") } else { mark };
    let check = finding.check.as_str().replace('_', " ");
    let mut text = format!("{mark} {check:<18} {}\n", finding.cause);
    if let Some(next) = &finding.next {
        text.push_str(&format!("{:<27} → {next}\n", ""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_doctor::Check;

    #[test]
    fn the_last_line_says_where_to_begin() {
        let finding = |state, next: Option<&str>| Finding {
            check: Check::Port,
            state,
            cause: "It is closed.".into(),
            next: next.map(str::to_owned),
        };
        let fine = [finding(CheckState::Ok, None)];
        assert_eq!(summary(0, &fine), "Nothing is wrong.");
        let untold = [finding(CheckState::Unknown, Some("Watch it once."))];
        assert_eq!(summary(0, &untold), "Nothing failed. It is closed. Watch it once.");
        let broken = [finding(CheckState::Failed, Some("Open it.")), untold[0].clone()];
        assert_eq!(summary(1, &broken), "1 of 2 checks failed. Begin here: It is closed. Open it.");
    }

    #[test]
    fn what_to_do_stands_below_what_is_wrong_and_color_only_where_asked_for() {
        let finding = Finding {
            check: Check::MulticastIn,
            state: CheckState::Failed,
            cause: "Nothing comes in.".into(),
            next: Some("Let it in.".into()),
        };
        let plain = words(&finding, false);
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "FAILED   multicast in       Nothing comes in.");
        assert_eq!(lines[1].trim(), "→ Let it in.");
        assert_eq!(lines[0].find("Nothing"), lines[1].find('→'));
        assert!(!plain.contains('\x1b') && words(&finding, true).contains("\x1b[31;1m"));
    }
}
