//! TXT records: what is believed, is announced again as the same and within the limit.
//!
//! The input is a record as it travels (RFC 6763 section 6.1): strings of a length byte and that
//! many bytes, each `key=value`.

#![no_main]

use lanlens_model::limits::TXT_BYTES_MAX;
use lanlens_protocol::{Txt, clean_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| {
    let Ok(txt) = Txt::parse(pairs(record)) else { return };
    assert!(txt.camera.is_none_or(|camera| camera.device() == txt.node.device()));
    assert_eq!(clean_name(&txt.name), txt.name);

    let announced = txt.encode();
    let length: usize = announced.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    assert!(length <= TXT_BYTES_MAX, "{length} bytes");
    let read = Txt::parse(announced.iter().map(|(key, value)| (key.as_str(), value.as_bytes())));
    assert_eq!(read, Ok(txt));
});

/// Key and value of each string; those whose key is no text are left out, as mDNS libraries do.
fn pairs(mut record: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    std::iter::from_fn(move || {
        let (&length, rest) = record.split_first()?;
        let (string, rest) = rest.split_at_checked(length.into())?;
        record = rest;
        Some(string)
    })
    .filter_map(|string| {
        let at = string.iter().position(|byte| *byte == b'=')?;
        Some((std::str::from_utf8(&string[..at]).ok()?, &string[at + 1..]))
    })
}
