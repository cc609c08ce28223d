//! The store as its users see it: several programs, damaged files, limits.

use super::*;
use lanlens_model::limits::{CAMERAS_PER_VIEWER_MAX, REMOVALS_MAX};
use lanlens_model::{Access, AccessMode, Code, NodeId, Waiting};

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    (dir, home)
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

#[test]
fn of_many_programs_that_claim_at_once_exactly_one_wins() {
    let (_dir, home) = home();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|n| {
                let home = &home;
                scope.spawn(move || TrustStore::open(home).claim(device(n), "someone"))
            })
            .collect();
        tries.into_iter().map(|t| t.join().unwrap().unwrap()).collect()
    });
    let winners = outcomes.iter().filter(|o| matches!(o, ClaimOutcome::Claimed(_))).count();
    assert_eq!(winners, 1);
    assert_eq!(TrustStore::open(&home).load().unwrap().owners.len(), 1);
}

#[test]
fn a_claim_survives_a_restart() {
    let (_dir, home) = home();
    TrustStore::open(&home).claim(device(1), "거실 \"TV\"").unwrap();
    let view = TrustStore::open(&home).load().unwrap();
    assert_eq!(view.owners[&device(1)], "거실 \"TV\"");
    assert_eq!(view.access_for(device(2), device(9), AccessMode::Ask), Access::Pending);
}

#[test]
fn another_programs_change_is_noticed_once_and_the_own_one_is_not() {
    let (_dir, home) = home();
    let (mut camera, mut cli) = (TrustStore::open(&home), TrustStore::open(&home));
    camera.load().unwrap();
    assert!(camera.poll_changed().is_none());
    camera.claim(device(1), "Ann").unwrap();
    assert!(camera.poll_changed().is_none());
    cli.change(|view| view.deny(device(1), "")).unwrap();
    let view = camera.poll_changed().unwrap().unwrap();
    assert_eq!(view.access_for(device(1), device(9), AccessMode::Ask), Access::Denied);
    assert!(camera.poll_changed().is_none());
}

#[test]
fn a_damaged_store_is_an_error_and_lets_nobody_claim() {
    let (dir, home) = home();
    let path = dir.path().join("trust.json");
    let mut store = TrustStore::open(&home);
    store.load().unwrap();
    for content in ["", "{}", "{\"version\":1}", "{\"version\":1,\"trust\":{}}", "\u{0}"] {
        std::fs::write(&path, content).unwrap();
        let polled = store.poll_changed().unwrap().unwrap_err();
        assert!(matches!(polled, TrustError::Damaged { .. }), "{content}");
        assert!(polled.to_string().contains("`lanlens trust reset`"), "{polled}");
        assert!(store.poll_changed().is_none());
        assert!(store.claim(device(1), "Eve").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::write(&path, "{\"version\":3,\"new\":true}").unwrap();
    assert!(matches!(store.load(), Err(TrustError::Newer { .. })));
    assert_eq!(store.reset().unwrap(), TrustView::default());
    assert!(matches!(store.claim(device(1), "Ann"), Ok(ClaimOutcome::Claimed(_))));
}

#[test]
fn a_store_that_cannot_be_written_claims_nothing() {
    let (dir, home) = home();
    // A folder in the way of the new file fails for every user, root included.
    std::fs::create_dir(dir.path().join("trust.new")).unwrap();
    let mut store = TrustStore::open(&home);
    let error = store.claim(device(1), "Ann").unwrap_err();
    assert!(error.to_string().contains("make it readable and writable"), "{error}");
    assert!(!store.load().unwrap().claimed);
}

fn waits(n: u8, node: &str, until_s: u64) -> Waiting {
    Waiting {
        device: device(n),
        name: format!("viewer {n}"),
        node: NodeId::new(device(99), node),
        camera: node.to_owned(),
        code: Code::from_number(u64::from(n)),
        until_s,
    }
}

#[test]
fn a_claim_remembers_when_it_was() {
    let (_dir, home) = home();
    let before_s = unix_s();
    TrustStore::open(&home).claim(device(1), "Ann").unwrap();
    let news = TrustStore::open(&home).load().unwrap().news.unwrap();
    assert!((before_s..=unix_s()).contains(&news.at_s), "{news:?}");
    let view = TrustStore::open(&home).apply(&TrustChange::DismissNews).unwrap();
    assert_eq!(view.news, None);
}

#[test]
fn whoever_has_waited_too_long_is_left_out_of_the_next_write() {
    let (_dir, home) = home();
    let mut store = TrustStore::open(&home);
    store.apply(&TrustChange::Wait(waits(1, "a", unix_s() + 1000))).unwrap();
    // Only the test's own clock is wrong: the entry is written as if it had been good for long.
    let view = store.apply(&TrustChange::Wait(waits(2, "a", 5))).unwrap();
    assert_eq!(view.waiting, [waits(1, "a", view.waiting[0].until_s)]);
    assert_eq!(store.load().unwrap(), view);
    assert!(store.poll_changed().is_none());
}

#[test]
fn lists_of_the_first_version_are_read_and_kept() {
    let (dir, home) = home();
    let path = dir.path().join("trust.json");
    let (ann, bob) = (device(1), device(2));
    let old = format!(
        r#"{{"version":1,"trust":{{"claimed":true,"owners":{{"{ann}":"Ann"}},"watchers":{{}},"denied":{{"{bob}":"Bob"}}}}}}"#
    );
    std::fs::write(&path, &old).unwrap();
    let mut store = TrustStore::open(&home);
    let view = store.load().unwrap();
    assert_eq!((view.owners[&ann].as_str(), view.denied[&bob].as_str()), ("Ann", "Bob"));
    assert!(view.waiting.is_empty() && view.invitation.is_none() && view.news.is_none());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), old, "reading changes nothing");
    store.invitation(false).unwrap();
    let again = store.load().unwrap();
    assert_eq!((again.owners, again.denied), (view.owners, view.denied));
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"version\": 2"));
}

#[test]
fn everything_that_the_lists_hold_survives_a_restart() {
    let (_dir, home) = home();
    let mut store = TrustStore::open(&home);
    store.claim(device(1), "Ann").unwrap();
    store.invitation(false).unwrap();
    let changes = [
        TrustChange::Wait(waits(2, "a", u64::MAX)),
        TrustChange::Wait(waits(2, "b", u64::MAX)),
        TrustChange::Allow { device: device(3), name: "Cleo".into() },
        TrustChange::Deny { device: device(4), name: "Dan".into() },
        TrustChange::Remove { device: device(5), name: "Ben".into() },
        TrustChange::Join(Invitation::from_bytes([6; 16])),
    ];
    let mut view = TrustView::default();
    for change in &changes {
        view = store.apply(change).unwrap();
    }
    assert_eq!((view.waiting.len(), view.len(), view.joined.len()), (2, 3, 1));
    assert_eq!(TrustStore::open(&home).load().unwrap(), view);
}

#[test]
fn an_invitation_stays_until_a_new_one_is_wished_for() {
    let (_dir, home) = home();
    let first = TrustStore::open(&home).invitation(false).unwrap();
    assert_eq!(TrustStore::open(&home).invitation(false).unwrap(), first);
    let second = TrustStore::open(&home).invitation(true).unwrap();
    assert_ne!(second, first);
    assert_eq!(TrustStore::open(&home).load().unwrap().invitation, Some(second));
}

#[test]
fn programs_that_invite_at_once_give_out_one_invitation() {
    let (_dir, home) = home();
    let made = std::thread::scope(|scope| {
        let invite = || TrustStore::open(&home).invitation(false).unwrap();
        let all: Vec<_> = (0..8).map(|_| scope.spawn(invite)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(made.iter().all(|invitation| *invitation == made[0]));
}

/// A numbered device, past what one byte can number.
fn numbered(n: usize) -> DeviceId {
    DeviceId::from_spki(&n.to_le_bytes())
}

#[test]
fn the_lists_take_so_many_devices_and_refuse_one_more_without_forgetting_any() {
    let (_dir, home) = home();
    let mut store = TrustStore::open(&home);
    // The longest names there are, of characters that take two bytes in the file.
    let name = "\"".repeat(lanlens_model::limits::NAME_BYTES_MAX);
    let fill = |view: &mut TrustView| {
        (1..DEVICES_MAX).for_each(|n| view.allow(numbered(n), &name));
        for n in 0..REMOVALS_MAX {
            let (device, name) = (numbered(n), name.clone());
            view.apply(&TrustChange::Remove { device, name });
            for m in 0..CAMERAS_PER_VIEWER_MAX {
                view.apply(&TrustChange::RemovalDone { device, at: numbered(m) });
            }
        }
    };
    store.change(fill).unwrap();
    let last = TrustChange::Deny { device: numbered(0), name: name.clone() };
    let full = store.apply(&last).unwrap();
    assert_eq!(full.len(), DEVICES_MAX);

    let one_more = TrustChange::Allow { device: numbered(DEVICES_MAX), name: name.clone() };
    let error = store.apply(&one_more).unwrap_err();
    assert!(matches!(error, TrustError::Full), "{error}");
    assert!(error.to_string().contains("`lanlens trust reset`"), "{error}");
    assert!(matches!(store.claim(numbered(DEVICES_MAX), ""), Err(TrustError::Full)));
    assert_eq!(TrustStore::open(&home).load().unwrap(), full);
    // Whoever is listed can still be removed.
    let revoked = store.apply(&TrustChange::Deny { device: numbered(1), name: "".into() });
    assert_eq!(revoked.unwrap().denied.len(), 2);
}
