//! Several real programs of one home, killed without warning.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use lanlens_identity::{
    Home, Identity, PhoneScope, PhoneStore, RenewError, TrustStore, renew_key, take_run, take_slot,
};
use lanlens_model::{DeviceId, TrustChange, TrustView};

const HOME_VARIABLE: &str = "LANLENS_IDENTITY_TEST_HOME";

/// Not a test of its own: the program that the tests below start and kill.
#[test]
fn program_that_holds_a_slot() {
    let Some(dir) = std::env::var_os(HOME_VARIABLE) else { return };
    let home = Home::open(dir).unwrap();
    let (run, _running) = take_run(&home).unwrap();
    let device = Identity::load_or_create(&home).unwrap().device();
    let slot = take_slot(&home, "camera", "pattern").unwrap();
    println!("\nheld {device} {} {} {run}", slot.name, slot.epoch.0);
    // Until the parent closes our standard input or kills us.
    let _ = std::io::stdin().lines().next();
}

/// Not a test of its own: allows device 2 as soon as it sees that device 1 was allowed.
#[test]
fn program_that_follows_the_lists() {
    let Some(dir) = std::env::var_os(HOME_VARIABLE) else { return };
    let mut store = TrustStore::open(&Home::open(dir).unwrap());
    store.load().unwrap();
    println!("\nheld");
    wait_watches(&mut store, 1);
    store.apply(&allow(2)).unwrap();
}

/// Not a test of its own: comes with the token that it is told, and says whether it got in.
#[test]
fn program_that_redeems_a_token() {
    let Some(dir) = std::env::var_os(HOME_VARIABLE) else { return };
    let store = PhoneStore::open(&Home::open(dir).unwrap());
    let token = std::io::stdin().lines().next().unwrap().unwrap();
    let redeemed = store.redeem(&token, PhoneScope::Publish, "phone");
    println!("\nheld {}", if redeemed.is_ok() { "in" } else { "out" });
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

fn allow(n: u8) -> TrustChange {
    TrustChange::Allow { device: device(n), name: format!("viewer {n}") }
}

/// Looks at the store as a running program does until device `n` may watch.
fn wait_watches(store: &mut TrustStore, n: u8) -> TrustView {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        if let Some(view) = store.poll_changed().map(Result::unwrap)
            && view.watchers.contains_key(&device(n))
        {
            return view;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("device {n} was not seen");
}

/// A started program, and the device, slot, epoch and run that it told.
struct Program {
    child: Child,
    told: Vec<String>,
    /// Kept open: the test harness in the program goes on printing.
    _output: BufReader<ChildStdout>,
}

impl Program {
    fn spawn(dir: &Path) -> Child {
        Self::spawn_test("program_that_holds_a_slot", dir)
    }

    fn spawn_test(test: &str, dir: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(HOME_VARIABLE, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn told(mut child: Child) -> Self {
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.by_ref().lines().map(Result::unwrap);
        let line = lines.find(|line| line.starts_with("held")).unwrap();
        let told = line.split(' ').skip(1).map(str::to_owned).collect();
        Self { child, told, _output: output }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn epoch(&self) -> u64 {
        self.told[2].parse().unwrap()
    }

    fn run(&self) -> &str {
        &self.told[3]
    }
}

#[test]
fn programs_started_at_once_share_a_device_and_hold_different_slots() {
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..4).map(|_| Program::spawn(dir.path())).collect();
    let programs: Vec<Program> = children.into_iter().map(Program::told).collect();
    let mut slots: Vec<&str> = programs.iter().map(|p| p.told[1].as_str()).collect();
    slots.sort_unstable();
    assert_eq!(
        slots,
        ["camera-pattern-0", "camera-pattern-1", "camera-pattern-2", "camera-pattern-3"]
    );
    assert!(programs.iter().all(|p| p.told[0] == programs[0].told[0]));
    programs.into_iter().for_each(Program::kill);
}

#[test]
fn a_killed_program_gets_its_slot_again_with_a_higher_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let first = Program::told(Program::spawn(dir.path()));
    let second = Program::told(Program::spawn(dir.path()));
    let (name, epoch) = (first.told[1].clone(), first.epoch());
    first.kill();
    let again = Program::told(Program::spawn(dir.path()));
    assert_eq!(again.told[1], name);
    assert!(again.epoch() > epoch);
    assert_ne!(second.told[1], name);
    again.kill();
    second.kill();
}

#[test]
fn programs_that_run_together_share_a_run_and_after_them_comes_another() {
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..4).map(|_| Program::spawn(dir.path())).collect();
    let mut programs: Vec<Program> = children.into_iter().map(Program::told).collect();
    let run = programs[0].run().to_owned();
    assert!(programs.iter().all(|program| program.run() == run));
    // Whoever was first is gone, without a goodbye; the others go on.
    programs.drain(..3).for_each(Program::kill);
    let joined = Program::told(Program::spawn(dir.path()));
    assert_eq!(joined.run(), run);
    programs.into_iter().chain([joined]).for_each(Program::kill);
    let next = Program::told(Program::spawn(dir.path()));
    assert_ne!(next.run(), run);
    next.kill();
}

#[test]
fn a_copied_home_is_the_same_device_in_another_run() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let original = Program::told(Program::spawn(dir.path()));
    // As a card is copied: every file, while the original runs.
    for entry in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let copied = Program::told(Program::spawn(copy.path()));
    assert_eq!(copied.told[0], original.told[0], "the key was copied");
    assert_ne!(copied.run(), original.run());
    copied.kill();
    original.kill();
}

#[test]
fn the_key_stays_until_the_last_program_has_ended_however_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let program = Program::told(Program::spawn(dir.path()));
    let error = renew_key(&home).unwrap_err();
    assert!(matches!(error, RenewError::Running), "{error}");
    assert!(error.to_string().contains("close its cameras"), "{error}");
    let old = program.told[0].clone();
    assert_eq!(Identity::load_or_create(&home).unwrap().device().to_string(), old);
    program.kill();
    let new = renew_key(&home).unwrap().to_string();
    assert_ne!(new, old);
    let again = Program::told(Program::spawn(dir.path()));
    assert_eq!(again.told[0], new);
    again.kill();
}

#[test]
fn two_programs_of_a_home_see_each_others_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = TrustStore::open(&Home::open(dir.path()).unwrap());
    store.load().unwrap();
    let mut other =
        Program::told(Program::spawn_test("program_that_follows_the_lists", dir.path()));
    store.apply(&allow(1)).unwrap();
    let view = wait_watches(&mut store, 2);
    assert_eq!(view.watchers.len(), 2, "neither change undid the other");
    assert!(other.child.wait().unwrap().success());
}

#[test]
fn of_programs_that_redeem_one_token_at_once_exactly_one_lets_its_phone_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = PhoneStore::open(&Home::open(dir.path()).unwrap());
    let token = store.issue_token(PhoneScope::Publish).unwrap();
    let start = || Program::spawn_test("program_that_redeems_a_token", dir.path());
    let mut children: Vec<Child> = (0..4).map(|_| start()).collect();
    for child in &mut children {
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{}", token.text).unwrap();
    }
    let mut programs: Vec<Program> = children.into_iter().map(Program::told).collect();
    assert_eq!(programs.iter().filter(|program| program.told[0] == "in").count(), 1);
    assert_eq!(store.list().unwrap().len(), 1);
    assert!(programs.iter_mut().all(|program| program.child.wait().unwrap().success()));
}
