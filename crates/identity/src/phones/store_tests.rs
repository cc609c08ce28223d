//! The store of phones as its users see it: several programs, damaged files, no secrets on the disk.

use super::*;

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    (dir, home)
}

#[test]
fn a_phone_comes_in_with_a_token_and_again_with_its_credential() {
    let (_dir, home) = home();
    let store = PhoneStore::open(&home);
    let token = store.issue_token(PhoneScope::Publish).unwrap();
    assert_eq!((token.text.len(), store.token_state(&token.text)), (22, TokenState::Fresh));
    let (bearer, made) = store.redeem(&token.text, PhoneScope::Publish, "Ann").unwrap();
    assert_eq!(bearer.len(), 43);
    assert_eq!(store.token_state(&token.text), TokenState::Used);
    // Another program of the home, or a later one.
    let again = PhoneStore::open(&home);
    assert_eq!(again.check(&bearer).unwrap(), Some(made.clone()));
    assert!(again.rename(&made.id, "Ben").unwrap());
    assert_eq!(store.list().unwrap()[0].name, "Ben");
    again.touch(&made.id).unwrap();
    assert!(again.revoke(&made.id).unwrap());
    assert_eq!(store.check(&bearer).unwrap(), None);
}

#[test]
fn an_encoders_token_lasts_and_lets_it_publish_alone() {
    let (_dir, home) = home();
    let store = PhoneStore::open(&home);
    let (bearer, obs) = store.issue_encoder("OBS").unwrap();
    assert_eq!((obs.kind, obs.scope), (PhoneKind::Encoder, PhoneScope::Publish));
    assert_eq!(store.check(&bearer).unwrap(), Some(obs));
    for wrong in ["", "x", &bearer[1..], &format!("{bearer}x"), &"x".repeat(100_000)] {
        assert_eq!(store.check(wrong).unwrap(), None);
    }
}

#[test]
fn of_many_who_come_with_one_token_exactly_one_gets_in() {
    let (_dir, home) = home();
    let token = PhoneStore::open(&home).issue_token(PhoneScope::Publish).unwrap();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (home, token) = (&home, &token.text);
                scope.spawn(move || PhoneStore::open(home).redeem(token, PhoneScope::Publish, ""))
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().flat_map(|o| o.as_ref().err()).all(|e| matches!(e, RedeemError::Used)));
    assert_eq!(PhoneStore::open(&home).list().unwrap().len(), 1);
}

#[test]
fn of_a_phone_that_asks_many_times_at_once_every_request_gets_the_same_answer() {
    let (_dir, home) = home();
    let store = PhoneStore::open(&home);
    let token = store.issue_token(PhoneScope::Publish).unwrap();
    let (own, _) = new_bearer().unwrap();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (home, token, own) = (&home, &token.text, &own);
                let store = || PhoneStore::open(home);
                scope.spawn(move || store().redeem_as(token, PhoneScope::Publish, "Ann", own))
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|one| *one == outcomes[0]));
    assert_eq!(store.list().unwrap(), outcomes[..1]);
    assert_eq!(store.check(&own).unwrap(), Some(outcomes[0].clone()));
    let (other, _) = new_bearer().unwrap();
    let refused = store.redeem_as(&token.text, PhoneScope::Publish, "Eve", &other).unwrap_err();
    assert!(matches!(refused, RedeemError::Used), "{refused}");
    let refused = store.redeem_as(&token.text, PhoneScope::Publish, "Ann", &own[1..]).unwrap_err();
    assert!(matches!(refused, RedeemError::NotACredential), "{refused}");
}

#[test]
fn whoever_reads_the_file_learns_no_secret_and_others_cannot_read_it() {
    let (dir, home) = home();
    let store = PhoneStore::open(&home);
    let token = store.issue_token(PhoneScope::Publish).unwrap();
    let fresh = store.issue_token(PhoneScope::Watch).unwrap();
    let (phone, _) = store.redeem(&token.text, PhoneScope::Publish, "Ann").unwrap();
    let (encoder, _) = store.issue_encoder("OBS").unwrap();
    let (own, _) = new_bearer().unwrap();
    let token_of_own = store.issue_token(PhoneScope::Publish).unwrap();
    store.redeem_as(&token_of_own.text, PhoneScope::Publish, "Ben", &own).unwrap();
    let path = dir.path().join("phones.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for secret in [&token.text, &fresh.text, &phone, &encoder, &token_of_own.text, &own] {
        assert!(!text.contains(secret.as_str()));
    }
    assert!(!format!("{fresh:?}").contains(&fresh.text));
    assert_eq!(files::foreign_rights(&path).unwrap(), 0);
    assert_eq!(files::foreign_rights(&dir.path().join("phones.lock")).unwrap(), 0);
}

#[test]
fn a_damaged_file_lets_nobody_in_and_stays_as_it_is() {
    let (dir, home) = home();
    let store = PhoneStore::open(&home);
    let token = store.issue_token(PhoneScope::Publish).unwrap();
    let (bearer, _) = store.issue_encoder("OBS").unwrap();
    let path = dir.path().join("phones.json");
    let good = std::fs::read_to_string(&path).unwrap();
    let half_a_hash = good.replacen("\"hash\": \"", "\"hash\": \"0", 1);
    for content in
        ["", "{}", "[]", "{\"version\":1}", "\u{0}", &good[..good.len() / 2], &half_a_hash]
    {
        std::fs::write(&path, content).unwrap();
        let error = store.check(&bearer).unwrap_err();
        assert!(matches!(error, PhonesError::Damaged { .. }), "{content}: {error}");
        assert!(error.to_string().contains("delete it"), "{error}");
        assert_eq!(store.token_state(&token.text), TokenState::Unknown);
        assert!(store.redeem(&token.text, PhoneScope::Publish, "").is_err());
        assert!(store.issue_encoder("x").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::write(&path, "{\"version\":2,\"new\":true}").unwrap();
    assert!(matches!(store.check(&bearer), Err(PhonesError::Newer { .. })));
    std::fs::write(&path, good).unwrap();
    assert!(store.check(&bearer).unwrap().is_some());
}

#[test]
fn what_cannot_be_written_down_lets_nobody_in() {
    let (dir, home) = home();
    let store = PhoneStore::open(&home);
    let token = store.issue_token(PhoneScope::Publish).unwrap();
    // A folder in the way of the new file fails for every user, root included.
    std::fs::create_dir(dir.path().join("phones.new")).unwrap();
    let error = store.redeem(&token.text, PhoneScope::Publish, "Ann").unwrap_err();
    assert!(error.to_string().contains("make it readable and writable"), "{error}");
    assert_eq!(store.token_state(&token.text), TokenState::Fresh);
    assert_eq!(store.list().unwrap(), []);
}
