//! Session descriptions and candidates: our checks, and the WebRTC stack behind them, survive what a
//! peer writes, and nothing it writes makes us send a packet off the local network.
//!
//! The input is an offer, or an answer if it begins with the line `answer`. What stands below a line
//! `later` are candidates that come later, one a line.

#![no_main]

use std::time::Duration;

use lanlens_model::is_on_local_network;
use lanlens_model::limits::CANDIDATES_MAX;
use lanlens_rtc::check_offer;
use lanlens_rtc::fuzzing::{LOCAL_ADDRESS, Negotiation};
use libfuzzer_sys::fuzz_target;

/// Long enough for every candidate's first checks.
const WATCHED: Duration = Duration::from_millis(500);

fuzz_target!(|text: &str| {
    let (text, is_answer) = match text.strip_prefix("answer\n") {
        Some(answer) => (answer, true),
        None => (text, false),
    };
    // The description keeps its last line end.
    let (description, later) = match text.find("\nlater\n") {
        Some(at) => text.split_at(at + 1),
        None => (text, ""),
    };
    let mut peer = if is_answer {
        let (mut viewer, _) = Negotiation::subscriber().expect("the stack starts");
        if viewer.accept_answer(description).is_err() {
            return;
        }
        viewer
    } else {
        // What is asked before a session exists.
        let _ = check_offer(description);
        let mut camera = Negotiation::publisher().expect("the stack starts");
        if camera.answer(description).is_err() {
            return;
        }
        camera
    };
    for candidate in later.lines().skip(1).take(CANDIDATES_MAX) {
        peer.add_candidate(candidate);
    }
    for destination in peer.destinations(WATCHED) {
        assert!(is_on_local_network(destination, &[LOCAL_ADDRESS]), "a packet to {destination}");
    }
});
