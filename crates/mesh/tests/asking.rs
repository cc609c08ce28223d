//! Who waits, for how long, with which code, and who decides: at the camera.
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant")]

mod common;

use std::time::Duration;

use common::{Rig, channel, device, greeting, refusal};
use lanlens_mesh::{Action, LinkId, TrustInput};
use lanlens_model::limits::{
    CODE_TIMEOUT, WAITING_CODES_MAX, WAITING_MAX, WAITING_TIME, WRONG_INVITATIONS_FREE,
};
use lanlens_model::{
    Access, AccessMode, Code, Command, DeviceId, Event, Invitation, RequestEnd, TrustChange,
};
use lanlens_protocol::{ErrorCode, Message, Nonce, Proof, code};

const SECOND: Duration = Duration::from_secs(1);

/// What came back to a request.
#[derive(Debug, PartialEq)]
enum Asked {
    Code(Code),
    Ended(RequestEnd),
    Nothing,
}

/// Asks as a viewer does, to the end.
fn ask(rig: &mut Rig, link: LinkId, who: DeviceId, again: bool) -> Asked {
    let first = rig.say(link, Message::AccessRequest { again });
    let commitment = first.iter().find_map(|action| match action {
        Action::Send { message: Message::AccessCommit { commitment }, .. } => Some(*commitment),
        _ => None,
    });
    let Some(commitment) = commitment else {
        return ended(&first, link).map_or(Asked::Nothing, Asked::Ended);
    };
    let ours = Nonce::from_bytes([7; 32]);
    let second = rig.say(link, Message::AccessNonce { nonce: ours });
    let revealed = second.iter().find_map(|action| match action {
        Action::Send { message: Message::AccessReveal { nonce }, .. } => Some(*nonce),
        _ => None,
    });
    let Some(revealed) = revealed else { panic!("the camera reveals: {second:?}") };
    assert_eq!(revealed.commitment(), commitment);
    let code = code(&revealed, &ours, device("camera"), who);
    let told = Event::AccessRequest { viewer: who, name: String::new(), code };
    assert!(second.contains(&Action::Emit(told)), "the camera shows the code that the viewer has");
    Asked::Code(code)
}

fn ended(actions: &[Action], to: LinkId) -> Option<RequestEnd> {
    actions.iter().find_map(|action| match action {
        Action::Send { link, message: Message::AccessEnded { reason } } if *link == to => {
            Some(*reason)
        }
        _ => None,
    })
}

fn told_access(actions: &[Action], to: LinkId) -> Option<Access> {
    actions.iter().rev().find_map(|action| match action {
        Action::Send { link, message: Message::Access { state } } if *link == to => Some(*state),
        _ => None,
    })
}

#[test]
fn eight_devices_wait_and_the_ninth_is_told_so_until_a_place_is_free() {
    let mut rig = Rig::new(AccessMode::Ask);
    let mut links = Vec::new();
    for n in 0..=WAITING_MAX {
        let who = device(&n.to_string());
        let link = rig.dial_in(who, "x").unwrap();
        links.push((link, who));
        let asked = ask(&mut rig, link, who, false);
        assert_eq!(matches!(asked, Asked::Code(_)), n < WAITING_MAX, "device {n}: {asked:?}");
        assert_eq!(asked == Asked::Ended(RequestEnd::Full), n == WAITING_MAX, "{asked:?}");
        rig.wait(SECOND);
    }
    let (first, (last, who)) = (links[0].0, links[WAITING_MAX]);
    let actions = rig.wait(WAITING_TIME - SECOND * 9);
    assert_eq!(ended(&actions, first), Some(RequestEnd::Unanswered));
    assert!(actions.contains(&Action::StopWaiting { device: links[0].1 }));
    assert_eq!(ended(&actions, links[1].0), None, "the next one has a second left");
    assert!(matches!(ask(&mut rig, last, who, false), Asked::Code(_)));
}

#[test]
fn a_place_outlives_its_link_so_codes_cannot_be_tried_one_after_the_other() {
    let mut rig = Rig::new(AccessMode::Ask);
    let eve = device("eve");
    let mut codes = Vec::new();
    for _ in 0..WAITING_CODES_MAX {
        let link = rig.dial_in(eve, "x").unwrap();
        let Asked::Code(code) = ask(&mut rig, link, eve, false) else { panic!("a code") };
        codes.push(code);
        rig.hang_up(link);
        rig.wait(SECOND);
    }
    codes.dedup();
    assert_eq!(codes.len(), WAITING_CODES_MAX as usize, "each time another code");
    let link = rig.dial_in(eve, "x").unwrap();
    assert_eq!(ask(&mut rig, link, eve, false), Asked::Ended(RequestEnd::TooOften));
    rig.wait(WAITING_TIME);
    assert!(matches!(ask(&mut rig, link, eve, false), Asked::Code(_)));
}

#[test]
fn a_viewer_that_still_shows_its_code_keeps_it_over_a_broken_link() {
    let mut rig = Rig::new(AccessMode::Ask);
    let bob = device("bob");
    for _ in 0..=WAITING_CODES_MAX {
        let link = rig.dial_in(bob, "x").unwrap();
        let asked = ask(&mut rig, link, bob, true);
        assert!(!matches!(asked, Asked::Ended(_)), "{asked:?}");
        rig.hang_up(link);
    }
    assert_eq!(rig.mesh.snapshot().requests.len(), 1);
}

#[test]
fn two_programs_of_one_device_never_show_two_codes_that_count() {
    let mut rig = Rig::new(AccessMode::Ask);
    let bob = device("bob");
    let window = rig.dial_in(bob, "window").unwrap();
    ask(&mut rig, window, bob, false);
    let terminal = rig.dial_in(bob, "terminal").unwrap();
    rig.say(terminal, Message::AccessRequest { again: false });
    let actions = rig.say(terminal, Message::AccessNonce { nonce: Nonce::from_bytes([1; 32]) });
    assert_eq!(ended(&actions, window), Some(RequestEnd::Elsewhere));
    assert_eq!(rig.mesh.snapshot().requests[0].codes.len(), 1);
}

#[test]
fn who_never_finishes_the_exchange_is_shown_to_nobody_and_blocks_no_place() {
    let mut rig = Rig::new(AccessMode::Ask);
    for n in 0..WAITING_MAX {
        let link = rig.dial_in(device(&n.to_string()), "x").unwrap();
        rig.say(link, Message::AccessRequest { again: false });
    }
    assert!(rig.mesh.snapshot().requests.is_empty());
    rig.wait(CODE_TIMEOUT);
    let bob = device("bob");
    let link = rig.dial_in(bob, "x").unwrap();
    assert!(matches!(ask(&mut rig, link, bob, false), Asked::Code(_)));
}

#[test]
fn a_newcomer_takes_the_place_of_whoever_keeps_silent() {
    let mut rig = Rig::new(AccessMode::Ask);
    for n in 0..WAITING_MAX {
        let link = rig.dial_in(device(&n.to_string()), "x").unwrap();
        rig.say(link, Message::AccessRequest { again: false });
    }
    let bob = device("bob");
    let link = rig.dial_in(bob, "x").unwrap();
    assert_eq!(ask(&mut rig, link, bob, false), Asked::Ended(RequestEnd::Full), "they may answer");
    rig.wait(SECOND * 2);
    assert!(matches!(ask(&mut rig, link, bob, false), Asked::Code(_)));
}

#[test]
fn a_nonce_that_nobody_asked_for_or_a_second_one_reveals_nothing() {
    let mut rig = Rig::new(AccessMode::Ask);
    let eve = device("eve");
    let link = rig.dial_in(eve, "x").unwrap();
    let nonce = Nonce::from_bytes([1; 32]);
    assert_eq!(rig.say(link, Message::AccessNonce { nonce }), []);
    ask(&mut rig, link, eve, false);
    assert_eq!(rig.say(link, Message::AccessNonce { nonce }), []);
}

#[test]
fn an_owner_allows_and_removes_and_nobody_else_does() {
    let mut rig = Rig::new(AccessMode::Ask);
    let (bob, eve) = (device("bob"), device("eve"));
    let owner = rig.dial_in(device("owner"), "x").unwrap();
    let (bobs, eves) = (rig.dial_in(bob, "x").unwrap(), rig.dial_in(eve, "x").unwrap());
    let Asked::Code(code) = ask(&mut rig, bobs, bob, false) else { panic!("a code") };
    let Asked::Code(eves_code) = ask(&mut rig, eves, eve, false) else { panic!("a code") };
    let allow = |device, code| Message::AccessAllow { device, name: "Bob".into(), code };
    let actions = rig.say(eves, allow(eve, eves_code));
    assert_eq!(refusal(&actions).map(|(code, _)| code), Some(ErrorCode::Access));
    assert!(!rig.trust.watchers.contains_key(&eve));

    let actions = rig.say(owner, allow(bob, code));
    assert_eq!(told_access(&actions, bobs), Some(Access::Granted));
    assert!(actions.contains(&Action::StopWaiting { device: bob }));
    assert_eq!(rig.trust.watchers[&bob], "Bob");
    rig.offer(bobs, 1);
    let deny = Message::AccessDeny { device: bob, name: String::new() };
    let actions = rig.say(owner, deny);
    let closed = actions.iter().position(|a| matches!(a, Action::CloseSession { .. }));
    assert!(closed.is_some(), "the picture stops: {actions:?}");
    assert_eq!(told_access(&actions, bobs), Some(Access::Denied));
    let told =
        |allow| Action::Emit(Event::AccessDecided { viewer: bob, name: "Bob".into(), allow });
    assert!(actions.contains(&told(false)) && !actions.contains(&told(true)));
}

#[test]
fn only_the_code_that_was_compared_lets_a_device_in() {
    let mut rig = Rig::new(AccessMode::Ask);
    let bob = device("bob");
    let owner = rig.dial_in(device("owner"), "x").unwrap();
    let bobs = rig.dial_in(bob, "x").unwrap();
    let Asked::Code(old) = ask(&mut rig, bobs, bob, false) else { panic!("a code") };
    let Asked::Code(new) = ask(&mut rig, bobs, bob, false) else { panic!("a code") };
    let allow = |code| Message::AccessAllow { device: bob, name: String::new(), code };
    rig.say(owner, allow(old));
    assert!(rig.trust.watchers.is_empty(), "it shows another one meanwhile");
    let stranger = Message::AccessAllow { device: device("eve"), name: String::new(), code: new };
    rig.say(owner, stranger);
    assert!(rig.trust.watchers.is_empty(), "it is another device that shows it");
    rig.say(owner, allow(new));
    assert!(rig.trust.watchers.contains_key(&bob));
}

#[test]
fn a_removal_holds_before_the_store_has_answered_and_a_permission_does_not() {
    let mut rig = Rig::new(AccessMode::Ask);
    let bob = device("bob");
    let bobs = rig.dial_in(bob, "x").unwrap();
    let Asked::Code(code) = ask(&mut rig, bobs, bob, false) else { panic!("a code") };
    let allow = Command::Allow { device: bob, name: String::new(), codes: vec![code] };
    rig.mesh.handle_command(allow, rig.now);
    // The store does not answer.
    let mut asked_store = false;
    while let Some(action) = rig.mesh.poll_action() {
        asked_store |= matches!(action, Action::ChangeTrust(TrustChange::Allow { .. }));
    }
    assert!(asked_store);
    assert!(!rig.offer(bobs, 1).iter().any(|a| matches!(a, Action::OpenPublisher { .. })));
    rig.trust.apply(&TrustChange::Allow { device: bob, name: String::new() });
    rig.mesh.handle_trust(TrustInput::Changed(rig.trust.clone()), rig.now);
    assert!(rig.offer(bobs, 1).iter().any(|a| matches!(a, Action::OpenPublisher { .. })));
    // Nobody carries out what the mesh wants of the store now.
    rig.mesh.handle_command(Command::Remove { device: bob, name: String::new() }, rig.now);
    let mut actions = std::iter::from_fn(|| rig.mesh.poll_action());
    assert!(actions.any(|action| matches!(action, Action::CloseSession { .. })));
}

#[test]
fn owners_hear_at_once_who_waits_but_never_in_a_flood() {
    let mut rig = Rig::new(AccessMode::Ask);
    let owner = rig.dial_in(device("owner"), "x").unwrap();
    rig.wait(SECOND);
    let watchers = |actions: &[Action]| {
        let of_owner = |a: &&Action| matches!(a, Action::Send { link, message: Message::Watchers { .. } } if *link == owner);
        actions.iter().filter(of_owner).count()
    };
    let eve = device("eve");
    let link = rig.dial_in(eve, "x").unwrap();
    rig.say(link, Message::AccessRequest { again: false });
    let actions = rig.say(link, Message::AccessNonce { nonce: Nonce::from_bytes([1; 32]) });
    assert_eq!(watchers(&actions), 1);
    let mut told = 0;
    for n in 0..WAITING_CODES_MAX * 2 {
        let who = device(&n.to_string());
        let link = rig.dial_in(who, "x").unwrap();
        rig.say(link, Message::AccessRequest { again: false });
        told +=
            watchers(&rig.say(link, Message::AccessNonce { nonce: Nonce::from_bytes([1; 32]) }));
    }
    assert_eq!(told, 0, "all within the same instant");
    assert_eq!(watchers(&rig.wait(SECOND)), 1);
}

#[test]
fn the_right_invitation_opens_and_wrong_ones_are_slowed_down() {
    let mut rig = Rig::new(AccessMode::Invite);
    let held = Invitation::from_bytes([9; 16]);
    rig.trust.invitation = Some(held.clone());
    rig.mesh.handle_trust(TrustInput::Changed(rig.trust.clone()), rig.now);
    let show = |rig: &mut Rig, ip, invitation: &Invitation| {
        let bob = device("bob");
        let link = rig.greet_from(ip, bob, greeting(bob, "x")).unwrap();
        let proof = Proof::of(invitation, &channel(link), bob, device("camera"));
        let actions = rig.say(link, Message::Invitation { proofs: vec![proof] });
        ended(&actions, link)
    };
    let wrong = Invitation::from_bytes([8; 16]);
    let home = [10, 0, 0, 9];
    for _ in 0..=WRONG_INVITATIONS_FREE {
        assert_eq!(show(&mut rig, home, &wrong), Some(RequestEnd::WrongInvitation));
        rig.now += Duration::from_millis(1100);
    }
    let mut slowed = Duration::ZERO;
    while show(&mut rig, home, &wrong) == Some(RequestEnd::TooOften) {
        slowed += SECOND / 2;
        rig.now += SECOND / 2;
    }
    assert!(slowed >= SECOND / 2, "{slowed:?}");
    let before = slowed;
    slowed = Duration::ZERO;
    while show(&mut rig, home, &wrong) == Some(RequestEnd::TooOften) {
        slowed += SECOND / 2;
        rig.now += SECOND / 2;
    }
    assert!(slowed > before, "the delay grows: {before:?}, {slowed:?}");
    // Nobody guesses 128 bits, so the right one never waits for others at its address.
    assert_eq!(show(&mut rig, home, &held), None);
    assert!(rig.trust.watchers.contains_key(&device("bob")));
}

#[test]
fn a_proof_of_another_connection_opens_nothing() {
    let mut rig = Rig::new(AccessMode::Invite);
    let held = Invitation::from_bytes([9; 16]);
    rig.trust.invitation = Some(held.clone());
    rig.mesh.handle_trust(TrustInput::Changed(rig.trust.clone()), rig.now);
    let (bob, eve) = (device("bob"), device("eve"));
    let first = rig.dial_in(bob, "x").unwrap();
    let overheard = Proof::of(&held, &channel(first), bob, device("camera"));
    for (thief, slot) in [(bob, "y"), (eve, "x")] {
        let link = rig.dial_in(thief, slot).unwrap();
        let actions = rig.say(link, Message::Invitation { proofs: vec![overheard] });
        assert_eq!(ended(&actions, link), Some(RequestEnd::WrongInvitation));
    }
    assert!(rig.trust.watchers.is_empty());
}
