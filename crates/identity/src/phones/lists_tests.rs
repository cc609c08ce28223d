//! Rules of tokens and credentials, with the time as an argument.

use super::*;

const NOW: u64 = 1_800_000_000;

fn h(n: usize) -> Hash {
    Hash::of(&n.to_string())
}

fn redeem(
    lists: &mut Lists,
    token: usize,
    bearer: usize,
    now_s: u64,
) -> Result<Credential, String> {
    lists
        .redeem(&h(token), PhoneScope::Publish, "Ann's phone", h(bearer), now_s)
        .map_err(|error| error.to_string())
}

#[test]
fn a_token_is_good_once_and_five_minutes() {
    let mut lists = Lists::default();
    let expires_s = lists.issue(h(1), PhoneScope::Publish, NOW);
    assert_eq!(expires_s, NOW + PHONE_TOKEN_TIME.as_secs());
    lists.issue(h(2), PhoneScope::Publish, NOW);
    assert_eq!(lists.state(&h(1), expires_s - 1), TokenState::Fresh);
    let ann = redeem(&mut lists, 1, 100, expires_s - 1).unwrap();
    assert_eq!(lists.state(&h(1), expires_s), TokenState::Used);
    assert!(redeem(&mut lists, 1, 101, NOW).unwrap_err().contains("used already"));
    assert_eq!(lists.state(&h(2), expires_s), TokenState::Expired);
    assert!(redeem(&mut lists, 2, 101, expires_s).unwrap_err().contains("has expired"));
    assert!(redeem(&mut lists, 3, 101, NOW).unwrap_err().contains("not known"));
    assert_eq!(lists.credentials(NOW), [ann]);
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_token_live_longer() {
    let mut lists = Lists::default();
    lists.issue(h(1), PhoneScope::Publish, NOW);
    assert_eq!(lists.state(&h(1), NOW - 5), TokenState::Fresh);
    assert_eq!(lists.state(&h(1), NOW - 3600), TokenState::Expired);
}

#[test]
fn a_token_for_watching_does_not_let_publish_and_stays_good_for_watching() {
    let mut lists = Lists::default();
    lists.issue(h(1), PhoneScope::Watch, NOW);
    let refused = lists.redeem(&h(1), PhoneScope::Publish, "", h(9), NOW).unwrap_err();
    assert!(matches!(refused, RedeemError::WrongScope(PhoneScope::Watch)));
    let watcher = lists.redeem(&h(1), PhoneScope::Watch, "", h(9), NOW).unwrap();
    assert_eq!(watcher.scope, PhoneScope::Watch);
}

#[test]
fn whoever_is_late_with_a_token_hears_what_became_of_it_for_a_day() {
    let mut lists = Lists::default();
    let expires_s = lists.issue(h(1), PhoneScope::Publish, NOW);
    redeem(&mut lists, 1, 100, NOW).unwrap();
    lists.forget(expires_s + SPENT_KEPT_S - 1);
    assert_eq!(lists.state(&h(1), expires_s), TokenState::Used);
    lists.forget(expires_s + SPENT_KEPT_S);
    assert_eq!(lists.state(&h(1), expires_s), TokenState::Unknown);
}

#[test]
fn a_token_gives_the_same_credential_again_while_its_time_lasts_and_nothing_to_anybody_else() {
    let mut lists = Lists::default();
    let expires_s = lists.issue(h(1), PhoneScope::Publish, NOW);
    lists.issue(h(2), PhoneScope::Publish, NOW);
    let ann = redeem(&mut lists, 1, 100, NOW).unwrap();
    let ben = redeem(&mut lists, 2, 200, NOW).unwrap();
    let before = lists.clone();
    assert_eq!(redeem(&mut lists, 1, 100, expires_s - 1).unwrap(), ann);
    assert_eq!(lists, before, "nothing is written");
    // Somebody else's, though it is good; and for another purpose.
    assert!(redeem(&mut lists, 1, 200, NOW).unwrap_err().contains("used already"));
    assert_eq!(lists.again(&h(1), PhoneScope::Watch, &h(100), NOW), None);
    for late in [expires_s, NOW - 3600] {
        assert!(redeem(&mut lists, 1, 100, late).unwrap_err().contains("used already"));
    }
    assert!(lists.revoke(&ann.id));
    assert!(redeem(&mut lists, 1, 100, NOW).unwrap_err().contains("used already"));
    assert_eq!(lists.credentials(NOW), [ben]);
}

#[test]
fn a_phone_that_brings_its_credential_to_another_token_is_the_same_phone() {
    let mut lists = Lists::default();
    for n in 1..=4 {
        lists.issue(h(n), PhoneScope::Publish, NOW);
    }
    let first = redeem(&mut lists, 1, 100, NOW).unwrap();
    let again = lists.redeem(&h(2), PhoneScope::Publish, "Ben's phone", h(100), NOW).unwrap();
    assert_eq!((again.id.as_str(), again.name.as_str()), (first.id.as_str(), "Ben's phone"));
    assert_eq!(lists.credentials(NOW), [again]);
    assert_eq!(lists.state(&h(2), NOW), TokenState::Used);
    // An encoder does not become a phone, nor somebody who watches a publisher.
    lists.admit(h(200), PhoneKind::Encoder, PhoneScope::Publish, "OBS", NOW);
    lists.admit(h(300), PhoneKind::Phone, PhoneScope::Watch, "Cleo", NOW);
    for (token, bearer) in [(3, 200), (4, 300)] {
        assert!(redeem(&mut lists, token, bearer, NOW).unwrap_err().contains("draw another"));
        assert_eq!(lists.state(&h(token), NOW), TokenState::Fresh);
    }
    assert_eq!(lists.guests.len(), 3);
}

#[test]
fn a_token_is_used_up_also_when_others_are_forgotten_at_the_same_moment() {
    let mut lists = Lists::default();
    for n in 1..=3 {
        lists.issue(h(n), PhoneScope::Publish, NOW);
    }
    let now_s = NOW + PHONE_TOKEN_TIME.as_secs() + SPENT_KEPT_S;
    for n in 4..=5 {
        lists.issue(h(n), PhoneScope::Publish, now_s);
    }
    redeem(&mut lists, 4, 100, now_s).unwrap();
    let states = [1, 4, 5].map(|n| lists.state(&h(n), now_s));
    assert_eq!(states, [TokenState::Unknown, TokenState::Used, TokenState::Fresh]);
}

#[test]
fn a_list_that_an_older_version_wrote_is_read() {
    let mut lists = Lists::default();
    lists.issue(h(1), PhoneScope::Publish, NOW);
    redeem(&mut lists, 1, 100, NOW).unwrap();
    let mut text = serde_json::to_value(&lists).unwrap();
    let token = text["tokens"][0].as_object_mut().unwrap();
    assert!(token.remove("used_by").is_some());
    let mut older: Lists = serde_json::from_value(text).unwrap();
    assert!(redeem(&mut older, 1, 100, NOW).unwrap_err().contains("used already"));
    assert!(older.check(&h(100), NOW).is_some());
}

#[test]
fn so_many_tokens_are_kept_and_spent_ones_make_way_first() {
    let mut lists = Lists::default();
    for n in 0..PHONE_TOKENS_MAX {
        lists.issue(h(n), PhoneScope::Publish, NOW);
    }
    redeem(&mut lists, 5, 100, NOW).unwrap();
    lists.issue(h(1000), PhoneScope::Publish, NOW);
    assert_eq!(lists.tokens.len(), PHONE_TOKENS_MAX);
    assert_eq!(lists.state(&h(5), NOW), TokenState::Unknown);
    assert_eq!(lists.state(&h(0), NOW), TokenState::Fresh);
    lists.issue(h(1001), PhoneScope::Publish, NOW);
    assert_eq!(lists.tokens.len(), PHONE_TOKENS_MAX);
    assert_eq!(lists.state(&h(0), NOW), TokenState::Unknown);
    assert_eq!(lists.state(&h(1001), NOW), TokenState::Fresh);
}

#[test]
fn so_many_credentials_are_kept_and_one_more_is_refused_with_its_token_still_good() {
    let mut lists = Lists::default();
    for n in 0..CREDENTIALS_MAX {
        assert!(lists.admit(h(n), PhoneKind::Encoder, PhoneScope::Publish, "OBS", NOW).is_some());
    }
    assert!(lists.admit(h(999), PhoneKind::Encoder, PhoneScope::Publish, "OBS", NOW).is_none());
    lists.issue(h(5000), PhoneScope::Publish, NOW);
    assert!(redeem(&mut lists, 5000, 999, NOW).unwrap_err().contains("--remove"));
    assert_eq!(lists.state(&h(5000), NOW), TokenState::Fresh);
    let first = lists.credentials(NOW)[0].id.clone();
    assert!(lists.revoke(&first));
    assert!(redeem(&mut lists, 5000, 999, NOW).is_ok());
}

#[test]
fn a_phone_is_forgotten_after_ninety_idle_days_and_an_encoder_is_not() {
    let mut lists = Lists::default();
    lists.admit(h(1), PhoneKind::Phone, PhoneScope::Publish, "phone", NOW);
    let encoder = lists.admit(h(2), PhoneKind::Encoder, PhoneScope::Publish, "OBS", NOW).unwrap();
    let idle_s = NOW + PHONE_IDLE.as_secs();
    let phone = lists.check(&h(1), idle_s - 1).unwrap();
    // The day that it came again counts, and is written down once.
    assert!(!lists.touch(&phone.id, NOW + USED_STEP_S - 1));
    assert!(lists.touch(&phone.id, NOW + USED_STEP_S));
    assert!(!lists.touch(&phone.id, NOW + USED_STEP_S));
    assert!(lists.check(&h(1), idle_s).is_some());
    let idle_s = idle_s + USED_STEP_S;
    assert_eq!(lists.check(&h(1), idle_s), None);
    assert_eq!(lists.credentials(idle_s), [encoder]);
    lists.forget(idle_s);
    assert_eq!(lists.guests.len(), 1);
}

#[test]
fn an_id_is_of_the_secret_and_stays_with_another_name() {
    let mut lists = Lists::default();
    let made = lists.admit(h(1), PhoneKind::Phone, PhoneScope::Publish, "거실", NOW).unwrap();
    assert_eq!(made.id.len(), 16);
    assert!(made.id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(lists.rename(&made.id, &"é".repeat(NAME_BYTES_MAX)));
    let renamed = lists.check(&h(1), NOW).unwrap();
    assert_eq!(renamed.id, made.id);
    assert_eq!(renamed.name.len(), NAME_BYTES_MAX, "cut at a character");
    assert!(!lists.rename("0000000000000000", "x"));
    assert!(!lists.revoke("0000000000000000"));
}
