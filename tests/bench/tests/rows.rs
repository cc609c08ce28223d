//! Each row can be measured, so that the figures are there when somebody wants them. What they are does
//! not matter here: the machine is busy, and the time short.

use anyhow::{Context, Result};
use lanlens_bench::report::Outcome;
use lanlens_bench::rows::{ROWS, find};
use lanlens_bench::settings::Settings;
use lanlens_testkit::skip;

fn is_measured(name: &str) -> Result<()> {
    let row = find(name).with_context(|| format!("there is no row {name}"))?;
    match (row.run)(Settings::quick())? {
        Outcome::Skipped(reason) => skip(&reason),
        Outcome::Measured(figures, _) => {
            for figure in figures {
                assert!(figure.value.is_finite(), "{name}: {} was not measured", figure.name);
            }
            Ok(())
        }
    }
}

macro_rules! each_is_measured {
    ($($row:ident)*) => {
        $(#[test] fn $row() -> Result<()> { is_measured(stringify!($row)) })*

        #[test]
        fn no_row_is_forgotten() {
            // The test runner runs the stages by themselves.
            let names = ROWS.iter().map(|row| row.name).filter(|name| *name != "stages");
            assert_eq!(names.collect::<Vec<_>>(), [$(stringify!($row)),*]);
        }
    };
}

each_is_measured! {
    latency_360
    latency_720
    cpu_receive_16
    cpu_camera_16_viewers
    memory_idle
    startup_viewer
    startup_camera
    loss_1
    loss_5
    slow_viewer
    fifty_cameras
    idle_window
    peers_cpu
    peers_latency
    painted
    long_watch
}
