//! What a viewer says and does when pictures stop.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test's bench")]

mod common;

use std::time::Duration;

use common::desk::{Desk, camera, causes, dials};
use common::{Rig, device};
use lanlens_mesh::{Action, LinkId, SessionInput};
use lanlens_model::{AccessMode, CameraId, Cause, TileState};
use lanlens_protocol::{DiscoveryEvent, Message};

#[test]
fn a_stall_says_that_the_camera_answers_and_when_it_is_tried_again() {
    let (mut desk, _link) = Desk::watching();
    desk.take();
    let last = desk.now;
    desk.wait(Duration::from_millis(699));
    assert_eq!(desk.view().state, TileState::Live);
    desk.wait(Duration::from_millis(1));
    assert!(matches!(desk.view().state, TileState::Stalled { .. }));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures));
    assert_eq!(desk.view().retry_at, Some(last + Duration::from_secs(10)));
    assert_eq!(causes(&desk.take()), [Cause::NoPictures]);
}

#[test]
fn a_broken_link_is_the_cause_once_the_pictures_stop_and_not_before() {
    let (mut desk, link) = Desk::watching();
    desk.take();
    desk.hang_up(link);
    assert_eq!(desk.view().cause, None);
    desk.wait(Duration::from_millis(700));
    assert_eq!(desk.view().cause, Some(Cause::Unreachable));
    assert_eq!(causes(&desk.take()), [Cause::Unreachable]);
}

#[test]
fn a_device_without_pictures_is_told_in_its_words_and_waited_for() {
    let (mut desk, link) = Desk::watching();
    desk.take();
    let text = "/dev/video0 was unplugged; trying again every 5 s".to_owned();
    let trouble = Some(text.clone());
    desk.say(link, Message::Source { camera: camera(), trouble });
    assert_eq!(desk.view().cause, None, "pictures still come");
    desk.wait(Duration::from_secs(60));
    let view = desk.view();
    assert!(matches!(view.state, TileState::Stalled { .. }), "{:?}", view.state);
    assert_eq!(view.cause, Some(Cause::Source(text)));
    assert_eq!(view.retry_at, None, "nothing is tried here: the camera tries");
    assert!(!desk.take().iter().any(|action| matches!(action, Action::CloseSession { .. })));
    desk.say(link, Message::Source { camera: camera(), trouble: None });
    desk.wait(Duration::from_millis(10));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures));
}

#[test]
fn nobody_is_believed_about_the_cameras_of_others() {
    let (mut desk, link) = Desk::watching();
    let other = CameraId::new(device("other"), "pattern");
    desk.hear_of(other, "b");
    for camera in [other, CameraId::new(device("camera"), "none")] {
        desk.say(link, Message::Source { camera, trouble: Some("lies".into()) });
    }
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures));
    let causes = causes(&desk.take());
    assert!(!causes.iter().any(|cause| matches!(cause, Cause::Source(_))), "{causes:?}");
}

#[test]
fn a_camera_tells_its_device_to_those_who_may_watch_and_to_nobody_else() {
    let mut rig = Rig::new(AccessMode::Ask);
    let owner = rig.dial_in(device("owner"), "slot").unwrap();
    let _stranger = rig.dial_in(device("stranger"), "slot").unwrap();
    rig.drain();
    let told = |rig: &mut Rig| -> Vec<(LinkId, Option<String>)> {
        let told = |action| match action {
            Action::Send { link, message: Message::Source { trouble, .. } } => {
                Some((link, trouble))
            }
            _ => None,
        };
        rig.drain().into_iter().filter_map(told).collect()
    };
    let (camera, now) = (rig.camera, rig.now);
    rig.mesh.handle_source(camera, Some("busy".into()), now);
    assert_eq!(told(&mut rig), [(owner, Some("busy".to_owned()))]);
    rig.mesh.handle_source(camera, Some("busy".into()), now);
    assert_eq!(told(&mut rig), [], "told once");
    // That a newcomer is told shows in what it is told next: only what has changed is told.
    let late = rig.dial_in(device("owner"), "late").unwrap();
    rig.mesh.handle_source(camera, None, now);
    assert_eq!(told(&mut rig), [(owner, None), (late, None)]);
}

#[test]
fn without_a_network_nothing_is_given_up_and_with_it_everybody_is_tried_at_once() {
    let (mut desk, link) = Desk::watching();
    desk.mesh.handle_network(false, desk.now);
    desk.mesh.handle_discovery(DiscoveryEvent::Removed { instance: "a".into() }, desk.now);
    desk.wait(Duration::from_millis(700));
    assert_eq!(desk.view().cause, Some(Cause::NoNetwork));
    desk.hang_up(link);
    let mut tries = Vec::new();
    for _ in 0..60 {
        desk.wait(Duration::from_millis(500));
        for (dial, _) in dials(&desk.take()) {
            tries.push(desk.now);
            desk.fail(dial);
        }
    }
    assert!((3..20).contains(&tries.len()), "{} tries in half a minute", tries.len());
    assert!(matches!(desk.view().state, TileState::Lost(_)), "{:?}", desk.view().state);
    desk.take();
    desk.mesh.handle_network(true, desk.now);
    desk.wait(Duration::from_millis(250));
    let actions = desk.take();
    assert!(actions.contains(&Action::Browse));
    let dial = dials(&actions)[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    assert_eq!(desk.view().state, TileState::Live);
    // Now it is expected to be announced again; its link vouches for it.
    desk.wait(Duration::from_secs(11));
    assert_ne!(desk.view().state, TileState::Offline);
}

#[test]
fn a_path_from_an_address_that_is_gone_is_replaced_at_once() {
    let (mut desk, _link) = Desk::watching();
    let begun = |action: &Action| match action {
        Action::OpenSubscriber { handle, .. } => Some(*handle),
        _ => None,
    };
    let handle = desk.take().iter().find_map(begun).unwrap();
    desk.mesh.handle_session(handle, SessionInput::PathLost, desk.now);
    desk.mesh.handle_network(true, desk.now);
    desk.wait(Duration::from_millis(250));
    assert_eq!(desk.take().iter().filter_map(begun).count(), 1);
}

#[test]
fn an_announcement_from_before_a_goodbye_brings_nothing_back_and_one_after_it_does() {
    let (mut desk, link) = Desk::watching();
    // Its goodbye by multicast gets lost: the announcement stands.
    desk.say(link, Message::Bye { session: None });
    desk.take();
    for _ in 0..30 {
        desk.wait(Duration::from_secs(1));
        desk.hear();
        assert_eq!(dials(&desk.take()), []);
        assert_eq!(desk.view().state, TileState::Offline);
    }
    desk.epoch = 2;
    desk.hear();
    assert_eq!(dials(&desk.take()).len(), 1);
}

#[test]
fn a_picture_that_was_on_its_way_does_not_overrule_the_word_of_a_broken_device() {
    let (mut desk, link) = Desk::watching();
    let begun = |action: &Action| match action {
        Action::OpenSubscriber { handle, .. } => Some(*handle),
        _ => None,
    };
    let handle = desk.take().iter().find_map(begun).unwrap();
    let trouble = Some("unplugged".to_owned());
    desk.say(link, Message::Source { camera: camera(), trouble });
    let show = |desk: &mut Desk| {
        let frame = SessionInput::Frame { width: 640, height: 360, at: desk.now };
        desk.mesh.handle_session(handle, frame, desk.now);
        desk.drain();
    };
    show(&mut desk);
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.view().cause, Some(Cause::Source("unplugged".into())));
    show(&mut desk);
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures), "a later one does");
}
