//! A disk without space: what was decided stands, it is said what to do, and then it works again.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use lanlens_identity::{Home, Identity, TrustError, TrustStore, renew_key, take_run};
use lanlens_model::{DeviceId, TrustChange, TrustView};

const DISK_VARIABLE: &str = "LANLENS_IDENTITY_TEST_DISK";

#[test]
fn on_a_full_disk_the_lists_stand_and_changes_work_again_once_there_is_space() -> anyhow::Result<()>
{
    if !rustix::process::geteuid().is_root() {
        return lanlens_testkit::skip("needs root for a small disk of its own");
    }
    let dir = tempfile::tempdir()?;
    // The mount exists in the namespace of that program alone, and ends with it.
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe()?)
        .args(["--exact", "program_on_a_small_disk", "--nocapture"])
        .env(DISK_VARIABLE, dir.path())
        .status()?;
    assert!(status.success(), "{status}");
    assert_eq!(std::fs::read_dir(dir.path())?.count(), 0, "the disk was not a disk of its own");
    Ok(())
}

fn device(n: u32) -> DeviceId {
    DeviceId::from_spki(&n.to_le_bytes())
}

fn allow(n: u32) -> TrustChange {
    TrustChange::Allow { device: device(n), name: format!("viewer {n}") }
}

/// Takes every byte that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for bytes in [4096, 1] {
        loop {
            match file.write_all(&vec![7; bytes]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Not a test of its own: runs in a mount namespace of its own.
#[test]
fn program_on_a_small_disk() {
    let Some(disk) = std::env::var_os(DISK_VARIABLE) else { return };
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(&disk).status();
    assert!(mounted.unwrap().success());
    let disk = Path::new(&disk);
    let filler = disk.join("filler");

    let home = Home::open(disk.join("home")).unwrap();
    let id = Identity::load_or_create(&home).unwrap().device();
    let mut camera = TrustStore::open(&home);
    camera.claim(device(0), "Ann").unwrap();
    let before = camera.apply(&allow(1)).unwrap();

    fill(&filler);
    let mut cli = TrustStore::open(&home);
    let refused = [
        cli.apply(&allow(2)).map(drop),
        cli.claim(device(3), "Eve").map(drop),
        cli.probe().map(drop),
        cli.reset().map(drop),
        cli.invitation(false).map(drop),
    ];
    for (n, outcome) in refused.into_iter().enumerate() {
        // Only the claim has nothing to write: somebody owns the cameras.
        match outcome {
            Ok(()) => assert_eq!(n, 1),
            Err(error) => {
                assert!(matches!(error, TrustError::DiskFull { .. }), "{n}: {error}");
                let words = error.to_string();
                assert!(words.contains("trust.json, the disk is full: free some space"), "{words}");
            }
        }
    }
    assert!(!disk.join("home/trust.new").exists(), "half a file takes space");
    assert_eq!(TrustStore::open(&home).load().unwrap(), before);
    assert!(camera.poll_changed().is_none(), "a running camera notices nothing");
    let error = renew_key(&home).unwrap_err().to_string();
    assert!(error.contains("No space left"), "{error}");
    assert_eq!(Identity::load_or_create(&home).unwrap().device(), id);
    let error = take_run(&home).unwrap_err().to_string();
    assert!(error.contains("No space left") && error.contains("has space"), "{error}");

    std::fs::remove_file(filler).unwrap();
    let after = cli.apply(&allow(2)).unwrap();
    let mut expected: TrustView = before;
    expected.apply(&allow(2));
    assert_eq!(after, expected);
    assert_eq!(camera.poll_changed().unwrap().unwrap(), expected);
    take_run(&home).unwrap();
    assert_ne!(renew_key(&home).unwrap(), id);
}
