//! Lists in messages: as long as they may be they are read, with one entry more they are refused with
//! words.

use lanlens_model::limits::{
    CAMERAS_PER_NODE_MAX, INVITATIONS_MAX, TOLD_WATCHERS_MAX, WAITING_MAX,
};
use lanlens_model::{Access, CameraId, Code, DeviceId, Epoch, Invitation, NodeId, Role, SessionId};
use lanlens_protocol::{
    ChannelBinding, ErrorCode, Greeting, Message, OfferedCamera, Proof, ProtocolError, VERSION,
    WaitingDevice, WatchingDevice,
};

fn device(n: usize) -> DeviceId {
    DeviceId::from_spki(n.to_string().as_bytes())
}

/// A message with a list of `max` entries passes as it is, and one with one more does not.
#[track_caller]
fn assert_limit(max: usize, message: impl Fn(usize) -> Message, words: &str) {
    let full = message(max);
    assert_eq!(Message::parse(&full.to_json()), Ok(full));
    let error = Message::parse(&message(max + 1).to_json()).expect_err("one too many");
    assert_eq!(error.code(), ErrorCode::Limit);
    assert_eq!(error, ProtocolError::Limit(words.to_owned()));
}

fn greeting(cameras: usize, resume: usize) -> Greeting {
    let own = device(0);
    let camera = |n: usize| OfferedCamera {
        id: CameraId::new(own, &n.to_string()),
        name: format!("Camera {n}"),
    };
    Greeting {
        v: VERSION,
        device: own,
        node: NodeId::new(own, "slot"),
        role: Role::Camera,
        epoch: Epoch(1),
        run: None,
        name: String::new(),
        resume: (0..resume).map(|n| SessionId(n as u64)).collect(),
        cameras: (0..cameras).map(camera).collect(),
        access: Some(Access::Pending),
        port: None,
    }
}

#[test]
fn a_greeting_offers_only_so_many_cameras_and_names_only_so_many_sessions() {
    let words = "too many cameras or sessions in one greeting";
    assert_limit(CAMERAS_PER_NODE_MAX, |n| Message::Hello(greeting(n, 0)), words);
    assert_limit(CAMERAS_PER_NODE_MAX, |n| Message::Hello(greeting(0, n)), words);
    assert_limit(CAMERAS_PER_NODE_MAX, |n| Message::Welcome(greeting(n, 0)), words);
    assert_limit(CAMERAS_PER_NODE_MAX, |n| Message::Welcome(greeting(0, n)), words);
}

#[test]
fn an_owner_is_told_of_only_so_many_who_wait_and_who_watch() {
    let words = "too many watchers in one message";
    let waiting = |n| WaitingDevice {
        device: device(n),
        name: format!("Device {n}"),
        code: Code::from_number(7),
    };
    let watching = |n| WatchingDevice {
        camera: CameraId::new(device(0), "pattern"),
        device: device(n),
        name: format!("Device {n}"),
        silent_ms: None,
    };
    let wait = |n| Message::Watchers {
        waiting: (0..n).map(waiting).collect(),
        watching: (0..TOLD_WATCHERS_MAX).map(watching).collect(),
    };
    let watch = |n| Message::Watchers {
        waiting: (0..WAITING_MAX).map(waiting).collect(),
        watching: (0..n).map(watching).collect(),
    };
    assert_limit(WAITING_MAX, wait, words);
    assert_limit(TOLD_WATCHERS_MAX, watch, words);
}

#[test]
fn only_so_many_invitations_are_shown_at_once() {
    let proof = |n: usize| {
        let (channel, invitation) = ([n as u8; 32], Invitation::from_bytes([n as u8; 16]));
        Proof::of(&invitation, &ChannelBinding::from_bytes(channel), device(1), device(0))
    };
    let message = |n| Message::Invitation { proofs: (0..n).map(proof).collect() };
    assert_limit(INVITATIONS_MAX, message, "too many invitations at once");
}
