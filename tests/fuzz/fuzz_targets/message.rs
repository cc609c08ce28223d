//! Signaling messages: what is read, is written and read again as the same.
//!
//! The input is the text of one WebSocket message.

#![no_main]

use lanlens_protocol::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(message) = Message::parse(text) else { return };
    let written = message.to_json();
    assert_eq!(Message::parse(&written), Ok(message), "{written}");
});
