//! Random faults, many seeds: the invariants hold at every step, and 10 s after the last fault
//! every camera that can be reached and may be watched is live again.
//!
//! `LANLENS_SIM_SEEDS=100000` plays more days than the 10,000 of every run, `LANLENS_SIM_FIRST` says
//! where to begin. A seed that fails is printed with what happened; it is played again by
//! `LANLENS_SIM_SEED=n cargo test --release -p lanlens-sim --test bad_days`.

use std::time::Instant;

use lanlens_sim::Seeds;

/// One test for each, so that they run side by side.
const PARTS: u64 = 4;

fn play(part: u64) {
    let (seeds, began) = (Seeds::from_environment(), Instant::now());
    let played = seeds.and_then(|seeds| seeds.play(part, PARTS));
    let played = played.unwrap_or_else(|broken| panic!("{broken}"));
    let rate = played as f64 / began.elapsed().as_secs_f64();
    println!("{played} days, {rate:.0} a second");
}

#[test]
fn after_any_day_of_faults_everything_is_live_again() {
    play(0);
}

#[test]
fn after_any_second_day_of_faults_everything_is_live_again() {
    play(1);
}

#[test]
fn after_any_third_day_of_faults_everything_is_live_again() {
    play(2);
}

#[test]
fn after_any_fourth_day_of_faults_everything_is_live_again() {
    play(3);
}
