//! Wrong tokens and credentials: five are free, then whoever goes on is told to wait, longer and
//! longer. The right one passes meanwhile, so that nobody is kept out by a neighbour. Sans-IO.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lanlens_model::limits::{WRONG_TOKEN_ADDRESSES_MAX, WRONG_TOKEN_DELAY_MAX, WRONG_TOKENS_FREE};
use tokio::time::Instant;

/// What one address tried.
#[derive(Debug)]
struct Tried {
    wrong: u32,
    until: Instant,
}

/// What every address tried.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    of: BTreeMap<IpAddr, Tried>,
}

impl Tries {
    /// Counts a wrong one; how long that address has to wait, if it has to. Tries while it waits do
    /// not count.
    pub(crate) fn wrong(&mut self, from: IpAddr, now: Instant) -> Option<Duration> {
        if !self.of.contains_key(&from) && self.of.len() >= WRONG_TOKEN_ADDRESSES_MAX {
            let oldest = self.of.iter().min_by_key(|(_, tried)| tried.until).map(|(ip, _)| *ip);
            oldest.and_then(|ip| self.of.remove(&ip));
        }
        let tried = self.of.entry(from).or_insert(Tried { wrong: 0, until: now });
        let left = tried.until.saturating_duration_since(now);
        if !left.is_zero() {
            return Some(left);
        }
        tried.wrong = tried.wrong.saturating_add(1);
        tried.until = now + delay(tried.wrong);
        None
    }

    /// A right one: the address starts anew.
    pub(crate) fn right(&mut self, from: IpAddr) {
        self.of.remove(&from);
    }
}

/// What follows the wrong try number `wrong`.
fn delay(wrong: u32) -> Duration {
    match wrong.checked_sub(WRONG_TOKENS_FREE) {
        None => Duration::ZERO,
        // The fifth is answered like those before it, and begins the first wait.
        Some(over) => {
            let doubled = Duration::from_secs(1).saturating_mul(1 << over.min(16));
            doubled.min(WRONG_TOKEN_DELAY_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n))
    }

    #[test]
    fn five_wrong_tokens_cost_no_wait_and_then_it_doubles_up_to_five_minutes() {
        let (mut tries, mut now) = (Tries::default(), Instant::now());
        for _ in 0..WRONG_TOKENS_FREE {
            assert_eq!(tries.wrong(ip(1), now), None);
        }
        let mut expected = Duration::from_secs(1);
        for _ in 0..12 {
            assert_eq!(tries.wrong(ip(1), now), Some(expected));
            assert_eq!(tries.wrong(ip(2), now), None, "another address");
            tries.right(ip(2));
            now += expected - Duration::from_millis(1);
            assert_eq!(tries.wrong(ip(1), now), Some(Duration::from_millis(1)));
            now += Duration::from_millis(1);
            assert_eq!(tries.wrong(ip(1), now), None);
            expected = (expected * 2).min(WRONG_TOKEN_DELAY_MAX);
        }
        assert_eq!(expected, WRONG_TOKEN_DELAY_MAX);
        tries.right(ip(1));
        assert_eq!(tries.wrong(ip(1), now), None);
    }

    #[test]
    fn so_many_addresses_are_counted_and_the_oldest_makes_way() {
        let (mut tries, mut now) = (Tries::default(), Instant::now());
        for n in 0..=WRONG_TOKEN_ADDRESSES_MAX as u32 {
            now += Duration::from_secs(1);
            tries.wrong(ip(n), now);
            assert!(tries.of.len() <= WRONG_TOKEN_ADDRESSES_MAX);
        }
        assert!(!tries.of.contains_key(&ip(0)));
        assert!(tries.of.contains_key(&ip(1)));
    }
}
