//! Peers that break the rules after the handshake: told so, closed, and nobody else disturbed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use lanlens_model::SessionId;
use lanlens_model::limits::{
    FIRST_MESSAGE_BYTES_MAX, HANDSHAKE_TIMEOUT, LINK_IDLE_TIMEOUT, MESSAGE_BURST_MAX,
    MESSAGE_BYTES_MAX, SDP_BYTES_MAX,
};
use lanlens_protocol::{ErrorCode, Message};
use lanlens_signaling::{CloseReason, LinkEvent};
use support::{Node, Raw, Running, freeze_time, greeting, identity};
use tokio::time::advance;
use tokio_tungstenite::tungstenite::Message as WsMessage;

/// The peer is told `code` and why, and the node's end closes for the same reason.
async fn assert_refused(mut raw: Raw, mut link: Running, code: ErrorCode) -> String {
    let Some(Message::Error { code: told, text, session: None }) = raw.hear().await else {
        panic!("not told")
    };
    assert_eq!(told, code, "{text}");
    assert_eq!(raw.hear().await, None);
    assert_eq!(link.closed().await, CloseReason::Refused(text.clone()));
    text
}

#[tokio::test]
async fn only_a_greeting_may_come_first() {
    let mut node = Node::start();
    for first in [
        Message::Ping { t1: 1 },
        Message::Bye { session: None },
        Message::Unknown,
        Message::Welcome(greeting(&identity())),
    ] {
        let mut raw = Raw::connect(node.address).await;
        let link = node.accept().await;
        raw.say(&first.to_json()).await.unwrap();
        assert_refused(raw, link, ErrorCode::Order).await;
    }
}

#[tokio::test]
async fn a_first_message_passes_at_its_limit_and_not_one_byte_past_it() {
    let mut node = Node::start();
    for excess in [0, 1] {
        let mut raw = Raw::connect(node.address).await;
        let mut link = node.accept().await;
        let hello = Message::Hello(greeting(&raw.identity)).to_json();
        let padding = " ".repeat(FIRST_MESSAGE_BYTES_MAX + excess - hello.len());
        raw.say(&format!("{hello}{padding}")).await.unwrap();
        if excess == 0 {
            assert!(matches!(link.message().await, Message::Hello(_)));
        } else {
            assert_refused(raw, link, ErrorCode::Limit).await;
        }
    }
}

#[tokio::test]
async fn a_greeting_with_another_devices_ids_is_refused() {
    let mut node = Node::start();
    let victim = greeting(&identity());
    for steal in 0..3 {
        let mut raw = Raw::connect(node.address).await;
        let link = node.accept().await;
        let mut hello = greeting(&raw.identity);
        match steal {
            0 => hello.device = victim.device,
            1 => hello.node = victim.node,
            _ => hello.cameras = victim.cameras.clone(),
        }
        raw.say(&Message::Hello(hello).to_json()).await.unwrap();
        assert_refused(raw, link, ErrorCode::Identity).await;
    }
}

#[tokio::test]
async fn another_protocol_version_is_refused_with_words() {
    let mut node = Node::start();
    let mut raw = Raw::connect(node.address).await;
    let link = node.accept().await;
    raw.say(r#"{"type":"hello","v":99,"shape":"of the future"}"#).await.unwrap();
    let text = assert_refused(raw, link, ErrorCode::Version).await;
    assert!(text.contains("99") && text.contains("update"), "{text}");
}

#[tokio::test]
async fn a_second_greeting_is_refused() {
    let mut node = Node::start();
    let (mut raw, link) = Raw::greeted(&mut node).await;
    raw.say(&Message::Hello(greeting(&raw.identity)).to_json()).await.unwrap();
    assert_refused(raw, link, ErrorCode::Order).await;
}

#[tokio::test]
async fn an_unknown_message_is_ignored() {
    let mut node = Node::start();
    let (mut raw, mut link) = Raw::greeted(&mut node).await;
    raw.say(r#"{"type":"dance","with":["me"]}"#).await.unwrap();
    let bye = Message::Bye { session: Some(SessionId(7)) };
    raw.say(&bye.to_json()).await.unwrap();
    assert_eq!(link.message().await, bye);
}

#[tokio::test]
async fn a_ping_is_answered_and_not_forwarded() {
    let mut node = Node::start();
    let (mut raw, mut link) = Raw::greeted(&mut node).await;
    raw.say(&Message::Ping { t1: 42 }.to_json()).await.unwrap();
    let Some(Message::Pong { t1: 42, t2, t3 }) = raw.hear().await else { panic!("no pong") };
    assert!(t2 <= t3 && t2 > 1_600_000_000_000_000);
    raw.say(&Message::Pong { t1: 1, t2: 2, t3: 3 }.to_json()).await.unwrap();
    raw.say(&Message::Bye { session: None }.to_json()).await.unwrap();
    assert_eq!(link.event().await, LinkEvent::Message(Message::Bye { session: None }));
}

#[tokio::test]
async fn nonsense_is_refused() {
    let mut node = Node::start();
    for nonsense in [
        WsMessage::text("}{"),
        WsMessage::text(""),
        WsMessage::text(r#"{"type":"offer"}"#),
        WsMessage::binary(vec![0; 10]),
    ] {
        let (mut raw, link) = Raw::greeted(&mut node).await;
        raw.send(nonsense).await.unwrap();
        assert_refused(raw, link, ErrorCode::Malformed).await;
    }
}

#[tokio::test]
async fn messages_and_descriptions_past_their_limits_are_refused() {
    let mut node = Node::start();
    let answer = |n| Message::Answer { session: SessionId(1), sdp: "x".repeat(n) }.to_json();
    for text in [answer(SDP_BYTES_MAX + 1), " ".repeat(MESSAGE_BYTES_MAX + 1)] {
        let (mut raw, link) = Raw::greeted(&mut node).await;
        raw.say(&text).await.unwrap();
        assert_refused(raw, link, ErrorCode::Limit).await;
    }
    let (mut raw, mut link) = Raw::greeted(&mut node).await;
    raw.say(&answer(SDP_BYTES_MAX)).await.unwrap();
    assert!(matches!(link.message().await, Message::Answer { .. }));
}

#[tokio::test]
async fn a_flood_is_refused_and_another_link_goes_on() {
    let mut node = Node::start();
    let (mut good, mut good_link) = Raw::greeted(&mut node).await;
    let (mut raw, link) = Raw::greeted(&mut node).await;
    for _ in 0..3 * MESSAGE_BURST_MAX {
        // Fails once the node has closed.
        if raw.say(r#"{"type":"dance"}"#).await.is_err() {
            break;
        }
    }
    let text = assert_refused(raw, link, ErrorCode::Limit).await;
    assert!(text.contains("a second"), "{text}");
    let bye = Message::Bye { session: Some(SessionId(7)) };
    good.say(&bye.to_json()).await.unwrap();
    assert_eq!(good_link.message().await, bye);
}

#[tokio::test]
async fn an_sdp_burst_within_the_limit_passes() {
    let mut node = Node::start();
    let (mut raw, mut link) = Raw::greeted(&mut node).await;
    // The hello was the first of the burst.
    for n in 1..u64::from(MESSAGE_BURST_MAX) {
        raw.say(&Message::Bye { session: Some(SessionId(n)) }.to_json()).await.unwrap();
    }
    for n in 1..u64::from(MESSAGE_BURST_MAX) {
        assert_eq!(link.message().await, Message::Bye { session: Some(SessionId(n)) });
    }
}

#[tokio::test]
async fn a_peer_that_never_greets_is_refused() {
    let mut node = Node::start();
    let raw = Raw::connect(node.address).await;
    let link = node.accept().await;
    tokio::time::pause();
    let text = assert_refused(raw, link, ErrorCode::Order).await;
    assert!(text.contains("in time"), "{text}");
}

#[tokio::test]
async fn a_peer_that_greets_just_in_time_gets_in_and_one_that_is_late_does_not() {
    let mut node = Node::start();
    let _frozen = freeze_time();
    // Timers count whole milliseconds.
    let tick = Duration::from_millis(1);
    for (wait, in_time) in [(HANDSHAKE_TIMEOUT - tick, true), (HANDSHAKE_TIMEOUT + tick, false)] {
        let mut raw = Raw::connect(node.address).await;
        let mut link = node.accept().await;
        advance(wait).await;
        let hello = Message::Hello(greeting(&raw.identity));
        let said = raw.say(&hello.to_json()).await;
        if in_time {
            said.unwrap();
            assert_eq!(link.message().await, hello);
        } else {
            assert_refused(raw, link, ErrorCode::Order).await;
        }
    }
}

/// Before our own greeting no pings are sent, so nothing else would notice.
#[tokio::test]
async fn a_link_lives_as_long_as_something_comes_in_time_and_no_longer() {
    let mut node = Node::start();
    let _frozen = freeze_time();
    let (mut raw, mut link) = Raw::greeted(&mut node).await;
    for n in 0..3 {
        advance(LINK_IDLE_TIMEOUT - Duration::from_millis(1)).await;
        let bye = Message::Bye { session: Some(SessionId(n)) };
        raw.say(&bye.to_json()).await.unwrap();
        assert_eq!(link.message().await, bye);
    }
    advance(LINK_IDLE_TIMEOUT).await;
    assert_eq!(link.closed().await, CloseReason::Silent);
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_given_up() {
    let mut node = Node::start();
    let (raw, mut link) = Raw::greeted(&mut node).await;
    link.say(Message::Welcome(greeting(&node.identity))).await;
    tokio::time::pause();
    assert_eq!(link.closed().await, CloseReason::Silent);
    drop(raw);
}
