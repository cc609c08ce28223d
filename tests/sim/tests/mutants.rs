//! Whether the simulation has teeth: the mesh is broken in one place at a time, and the seeds must
//! notice.
//!
//! Each mutant is one exact replacement in a copy of the crates, in a workspace of its own in the
//! target folder, so that no product code knows of it. What the seeds do not notice nobody would.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// What the simulation is made of.
const CRATES: [&str; 4] = ["crates/model", "crates/protocol", "crates/mesh", "tests/sim"];
/// Days that each mutant is given; most show on the first few.
const DAYS: u32 = 2000;

/// A mesh that is broken in one place.
struct Mutant {
    name: &'static str,
    file: &'static str,
    /// Occurs there exactly once.
    right: &'static str,
    wrong: &'static str,
}

const MUTANTS: [Mutant; 10] = [
    Mutant {
        name: "a redial that is never scheduled",
        file: "crates/mesh/src/links.rs",
        right: "node.dialing = None;",
        wrong: "",
    },
    Mutant {
        name: "an epoch that is ignored",
        file: "crates/mesh/src/greeting.rs",
        right: "node.epoch = greeting.epoch;",
        wrong: "",
    },
    Mutant {
        name: "a stall that is noticed 300 ms late",
        file: "crates/mesh/src/pace.rs",
        right: "self.last.map(|last| last + wait)",
        wrong: "self.last.map(|last| last + wait + Duration::from_millis(300))",
    },
    Mutant {
        name: "a session that goes on without leave",
        file: "crates/mesh/src/lib.rs",
        right: "self.end_sessions_without_leave();",
        wrong: "",
    },
    Mutant {
        name: "a second link that is kept",
        file: "crates/mesh/src/greeting.rs",
        right: "self.act(Action::CloseLink { link: old });",
        wrong: "",
    },
    Mutant {
        name: "a goodbye that is taken for a lost link",
        file: "crates/mesh/src/links.rs",
        right: "node.left = Some((node.epoch, now));",
        wrong: "let _ = now;",
    },
    Mutant {
        name: "a session without a link that never ends",
        file: "crates/mesh/src/serving.rs",
        right: "session.orphan_until = Some(until)",
        wrong: "session.orphan_until = Some(until + std::time::Duration::from_secs(600))",
    },
    Mutant {
        name: "a node that need not prove its key",
        file: "crates/mesh/src/greeting.rs",
        right: "if greeting.device != proven || greeting.node.device() != proven {",
        wrong: "if greeting.v == 0 {",
    },
    Mutant {
        name: "a forged start that is believed for ever",
        file: "crates/mesh/src/node.rs",
        right: "instance.epoch = instance.epoch.min(epoch);",
        wrong: "let _ = (&mut *instance, epoch);",
    },
    Mutant {
        name: "signs of life that make a flood of dials",
        file: "crates/mesh/src/backoff.rs",
        right: "let earliest = self.last_try.map_or(now, |last| (last + CLOSEST).max(now));",
        wrong: "let earliest = now;",
    },
];

#[test]
fn the_seeds_notice_every_mutant() {
    let workshop = Workshop::open();
    let mut missed = Vec::new();
    for mutant in &MUTANTS {
        let began = Instant::now();
        workshop.restore();
        workshop.mutate(mutant);
        workshop.build(mutant);
        match workshop.play() {
            Some(noticed) => {
                let seconds = began.elapsed().as_secs_f64();
                println!("{}: {noticed} ({seconds:.1} s)", mutant.name);
            }
            None => missed.push(mutant.name),
        }
    }
    assert!(missed.is_empty(), "{DAYS} days do not notice: {missed:?}");
}

/// A copy of the crates that may be broken.
struct Workshop {
    source: PathBuf,
    copy: PathBuf,
    target: PathBuf,
}

impl Workshop {
    fn open() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        // This program is in release/deps of the target folder.
        let here = std::env::current_exe().unwrap();
        let target = here.ancestors().nth(3).unwrap().join("mutants");
        let copy = target.join("workspace");
        fs::create_dir_all(&copy).unwrap();
        Self { source, copy, target }
    }

    /// Makes the copy what the original is; what is the same already keeps its time, for cargo.
    fn restore(&self) {
        for folder in CRATES {
            mirror(&self.source.join(folder), &self.copy.join(folder));
        }
        mirror_file(&self.source.join("Cargo.lock"), &self.copy.join("Cargo.lock"));
        let manifest = fs::read_to_string(self.source.join("Cargo.toml")).unwrap();
        let members = format!("members = {CRATES:?}");
        let lines = manifest.lines().filter_map(|line| match line.split(' ').next() {
            Some("members") => Some(members.as_str()),
            Some("default-members" | "exclude") => None,
            _ => Some(line),
        });
        let manifest: String = lines.map(|line| format!("{line}\n")).collect();
        write(&self.copy.join("Cargo.toml"), manifest.as_bytes());
    }

    fn mutate(&self, mutant: &Mutant) {
        let path = self.copy.join(mutant.file);
        let text = fs::read_to_string(&path).unwrap();
        let found = text.matches(mutant.right).count();
        let (name, file) = (mutant.name, mutant.file);
        assert_eq!(found, 1, "this mutant no longer applies: rewrite it: {name}, in {file}");
        fs::write(path, text.replace(mutant.right, mutant.wrong)).unwrap();
    }

    fn build(&self, mutant: &Mutant) {
        let built = self.cargo(&["--no-run"]);
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{} does not build:\n{errors}", mutant.name);
    }

    /// What the seeds have noticed, if anything.
    fn play(&self) -> Option<String> {
        let played = self.cargo(&[]);
        if played.status.success() {
            return None;
        }
        let text = String::from_utf8_lossy(&played.stdout).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.starts_with("seed "));
        let at = at.unwrap_or_else(|| panic!("it failed in a way of its own:\n{text}"));
        let seed = lines[at].split(';').next().unwrap_or_default();
        Some(format!("{seed}, {}", lines[at.saturating_sub(1)]))
    }

    fn cargo(&self, more: &[&str]) -> Output {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["test", "--release", "--offline", "-p", "lanlens-sim", "--test", "bad_days"])
            .args(more)
            .current_dir(&self.copy)
            .env("CARGO_TARGET_DIR", &self.target)
            // Built ten times and run for seconds.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "1")
            .env("LANLENS_SIM_SEEDS", DAYS.to_string())
            .env("RUST_BACKTRACE", "0")
            .env_remove("LANLENS_SIM_SEED")
            .env_remove("LANLENS_SIM_FIRST");
        command.output().unwrap()
    }
}

/// Makes `to` a folder with the same files as `from`.
fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(to).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match from.join(name).exists() {
            true => {}
            false if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match path.is_dir() {
            true => mirror(&path, &to.join(name)),
            false => mirror_file(&path, &to.join(name)),
        }
    }
}

fn mirror_file(from: &Path, to: &Path) {
    write(to, &fs::read(from).unwrap());
}

/// Writes what is not there yet.
fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(bytes) {
        fs::write(path, bytes).unwrap();
    }
}
