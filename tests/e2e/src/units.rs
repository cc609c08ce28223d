//! The access units that watchers received, to see that all got the same (`lanlens watch --hashes`).

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The hashes of the access units that a watcher received, in order: camera, media time, SHA-256 in a
/// line.
///
/// # Errors
/// When the file cannot be read or holds anything else.
pub fn hashes(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)?;
    let hash = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    text.lines().map(|line| hash(line).with_context(|| format!("no hash in “{line}”"))).collect()
}

/// Fails unless all of `part` stands in `whole` in the same order. Pictures in which nothing moves may be
/// the same access unit several times.
///
/// # Errors
/// When it does not.
pub fn received_by_both(part: &[String], whole: &[String]) -> Result<()> {
    let mut rest = whole.iter();
    for (number, hash) in part.iter().enumerate() {
        ensure!(
            rest.any(|other| other == hash),
            "access unit {number} of {} differs between the viewers, or came in another order",
            part.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(names: &str) -> Vec<String> {
        names.chars().map(String::from).collect()
    }

    #[test]
    fn what_both_received_is_in_the_same_order_with_gaps_and_repeats() {
        assert!(received_by_both(&units("bbd"), &units("abcbbd")).is_ok());
        assert!(received_by_both(&units("bx"), &units("abc")).is_err());
        assert!(received_by_both(&units("ba"), &units("abc")).is_err());
        assert!(received_by_both(&units("bb"), &units("abc")).is_err());
    }
}
