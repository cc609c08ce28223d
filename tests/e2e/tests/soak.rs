//! The soak of `make soak`, short and always the same: tiles that never lie, pictures that always come
//! back, programs that do not grow.

use anyhow::Result;
use lanlens_e2e::soak::{Plan, run};

#[test]
fn three_minutes_of_random_faults_leave_every_camera_live_and_nothing_grown() -> Result<()> {
    run(Plan { seed: 5, minutes: 3, cameras: 4, viewers: 2 }).map(drop)
}
