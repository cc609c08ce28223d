//! A program is killed in the middle of its writes, hundreds of times, and nothing that it was told
//! is done gets lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lanlens_identity::{Home, Identity, TrustStore, renew_key};
use lanlens_model::{DeviceId, TrustChange, TrustView};

const HOME_VARIABLE: &str = "LANLENS_IDENTITY_TEST_HOME";
const FROM_VARIABLE: &str = "LANLENS_IDENTITY_TEST_FROM";
const KILLS: u32 = 210;

fn device(n: u32) -> DeviceId {
    DeviceId::from_spki(&n.to_le_bytes())
}

/// The `n`th change; each leaves the lists other than the one before it.
fn change(n: u32) -> TrustChange {
    let (device, name) = (device(n / 2 % 64), n.to_string());
    match (n % 2, n / 128 % 2) {
        (0, _) => TrustChange::Remove { device, name },
        (_, 0) => TrustChange::Allow { device, name },
        _ => TrustChange::Deny { device, name },
    }
}

/// Runs the test of this name as a program of its own.
fn program(test: &str, dir: &Path, from: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(HOME_VARIABLE, dir)
        .env(FROM_VARIABLE, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: makes one change after the other, and says which are done.
#[test]
fn program_that_changes_the_lists() {
    let Some(dir) = std::env::var_os(HOME_VARIABLE) else { return };
    let from: u32 = std::env::var(FROM_VARIABLE).unwrap().parse().unwrap();
    let mut store = TrustStore::open(&Home::open(dir).unwrap());
    for n in from..from + 10_000 {
        store.apply(&change(n)).unwrap();
        println!("\ndone {n}");
    }
}

/// Not a test of its own: makes one key after the other.
#[test]
fn program_that_renews_the_key() {
    let Some(dir) = std::env::var_os(HOME_VARIABLE) else { return };
    let home = Home::open(dir).unwrap();
    for n in 0..10_000 {
        renew_key(&home).unwrap();
        println!("\ndone {n}");
    }
}

/// Lets the program do `steps` more things, kills it in the middle of what follows, and gives the
/// number of the last thing that it said was done.
fn kill_after(mut child: Child, steps: u32, pause: Duration) -> u32 {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut done = lines.filter_map(|line| line.strip_prefix("done ")?.parse::<u32>().ok());
    let first = done.by_ref().take(steps as usize).last().unwrap();
    std::thread::sleep(pause);
    // SIGKILL on Unix, by the id that is ours until it is waited for.
    child.kill().unwrap();
    child.wait().unwrap();
    done.last().unwrap_or(first)
}

/// Numbers that scatter the kills over the length of a change, the same in every run.
fn scatter(n: u32) -> u32 {
    n.wrapping_mul(2_654_435_761) >> 16
}

#[test]
fn whatever_moment_a_program_is_killed_at_the_lists_hold_all_that_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let mut expected = TrustView::default();
    let (mut next, mut begun_and_kept) = (0, 0);
    for kill in 0..KILLS {
        let child = program("program_that_changes_the_lists", dir.path(), next);
        let (steps, pause) = (1 + kill % 3, Duration::from_micros(u64::from(scatter(kill) % 2000)));
        let done = kill_after(child, steps, pause);
        (next..=done).for_each(|n| expected.apply(&change(n)));
        next = done + 1;
        let found = TrustStore::open(&home).load().unwrap();
        if found != expected {
            // The change that was under way when it died may stand too, whole; nothing else.
            expected.apply(&change(next));
            next += 1;
            begun_and_kept += 1;
        }
        assert_eq!(found, expected, "after {kill} kills and {next} changes");
    }
    println!("{KILLS} kills, {next} changes; {begun_and_kept} stood before they were reported");
    // And the dead hold no lock: the store can be changed.
    TrustStore::open(&home).apply(&change(next)).unwrap();
}

#[test]
fn readers_never_see_half_a_file_while_writers_are_killed() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut store, mut reads, mut seen) = (TrustStore::open(&home), 0u32, 0u32);
            while !over.load(Ordering::Relaxed) {
                store.load().unwrap();
                reads += 1;
                seen += store.poll_changed().map_or(0, |view| view.map(|_| 1).unwrap());
            }
            (reads, seen)
        });
        for kill in 0..40 {
            let child = program("program_that_changes_the_lists", dir.path(), kill * 1000);
            kill_after(child, 3, Duration::from_micros(u64::from(scatter(kill) % 2000)));
        }
        over.store(true, Ordering::Relaxed);
        let (reads, seen) = reader.join().unwrap();
        println!("{reads} reads, {seen} of them of a change that came between two looks");
        assert!(reads > 0);
    });
}

#[test]
fn a_home_whose_key_was_being_renewed_has_the_old_key_or_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let mut last = Identity::load_or_create(&home).unwrap().device();
    for kill in 0..40 {
        let child = program("program_that_renews_the_key", dir.path(), 0);
        kill_after(child, 1, Duration::from_micros(u64::from(scatter(kill) % 2000)));
        let now = Identity::load_or_create(&home).unwrap().device();
        assert_ne!(now, last, "a renewed key came back");
        last = now;
    }
}
