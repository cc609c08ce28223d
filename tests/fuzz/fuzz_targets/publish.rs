//! Offers to publish (WHIP) and the fragments after them: our reading and writing of them, and the WebRTC
//! stack behind it, survive what a peer writes, an answer has the sections of its offer, and nothing
//! makes us send a packet off the local network.
//!
//! The input is an offer; below each line `fragment` stands one.

#![no_main]

use std::time::Duration;

use lanlens_model::is_on_local_network;
use lanlens_rtc::fuzzing::{LOCAL_ADDRESS, Publication};
use libfuzzer_sys::fuzz_target;

/// Long enough for every candidate's first checks.
const WATCHED: Duration = Duration::from_millis(500);
/// Each restart costs some milliseconds.
const FRAGMENTS_MAX: usize = 4;

fuzz_target!(|text: &str| {
    let mut parts = text.split("\nfragment\n");
    let offer = parts.next().unwrap_or_default();
    let Ok((mut publication, answer)) = Publication::start(offer) else { return };
    let sections = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(sections(offer), sections(&answer), "{answer}");
    for fragment in parts.take(FRAGMENTS_MAX) {
        let _ = publication.patch(fragment);
    }
    for destination in publication.destinations(WATCHED) {
        assert!(is_on_local_network(destination, &[LOCAL_ADDRESS]), "a packet to {destination}");
    }
});
