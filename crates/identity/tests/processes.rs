//! Several real programs of one home, killed without warning.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use lanlens_identity::{Home, Identity, take_slot};

const HOME_VARIABLE: &str = "LANLENS_IDENTITY_TEST_HOME";

/// Not a test of its own: the program that the tests below start and kill.
#[test]
fn program_that_holds_a_slot() {
    let Some(dir) = std::env::var_os(HOME_VARIABLE) else { return };
    let home = Home::open(dir).unwrap();
    let device = Identity::load_or_create(&home).unwrap().device();
    let slot = take_slot(&home, "camera", "pattern").unwrap();
    println!("\nheld {device} {} {}", slot.name, slot.epoch.0);
    // Until the parent closes our standard input or kills us.
    let _ = std::io::stdin().lines().next();
}

/// A started program, and the device, slot and epoch that it told.
struct Program {
    child: Child,
    told: Vec<String>,
}

impl Program {
    fn spawn(dir: &std::path::Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "program_that_holds_a_slot", "--nocapture"])
            .env(HOME_VARIABLE, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn told(mut child: Child) -> Self {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.map(Result::unwrap).find(|l| l.starts_with("held ")).unwrap();
        Self { child, told: line.split(' ').skip(1).map(str::to_owned).collect() }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn epoch(&self) -> u64 {
        self.told[2].parse().unwrap()
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
