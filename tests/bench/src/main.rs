//! `lanlens-bench`: measures by name, prints as it goes, and ends with one JSON line.

use std::process::ExitCode;

use clap::Parser;
use lanlens_bench::report::Report;
use lanlens_bench::rows::{ROWS, Row, find};
use lanlens_bench::settings::Settings;

/// Measures the whole system, and Chromium beside it. Needs root, for network namespaces
#[derive(Debug, Parser)]
struct Args {
    /// Rows to measure [default: all]
    #[arg(value_name = "ROW")]
    rows: Vec<String>,

    /// Measure for this long in place of each row's own time
    #[arg(long)]
    seconds: Option<u32>,

    /// Repeat this often in place of each row's own number
    #[arg(long)]
    runs: Option<u32>,

    /// Only see that everything runs: the figures mean nothing
    #[arg(long)]
    quick: bool,

    /// Say which rows there are
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        for Row { name, what, .. } in ROWS {
            println!("{name:<24} {what}");
        }
        return ExitCode::SUCCESS;
    }
    let rows: Vec<&Row> = if args.rows.is_empty() {
        ROWS.iter().collect()
    } else {
        let found: Option<Vec<&Row>> = args.rows.iter().map(|name| find(name)).collect();
        let Some(found) = found else {
            eprintln!("there is no such row; --list names them all");
            return ExitCode::from(2);
        };
        found
    };
    let quick = if args.quick { Settings::quick() } else { Settings::default() };
    let settings = Settings {
        seconds: args.seconds.or(quick.seconds),
        runs: args.runs.or(quick.runs),
        quick: args.quick,
    };

    let mut report = Report::default();
    for row in rows {
        println!("\n==> {}: {}", row.name, row.what);
        report.add(row.name, (row.run)(settings));
    }
    println!("\n{}\n{}", report.table(), report.json());
    if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
