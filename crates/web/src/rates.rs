//! How fast one credential may ask, and one address without any. Sans-IO.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lanlens_model::limits::{
    CREDENTIALS_MAX, MESSAGE_BURST_MAX, MESSAGES_PER_SECOND_MAX, OFFER_BURST_MAX, OFFER_INTERVAL,
};
use tokio::time::Instant;

/// Addresses remembered; a bucket that is full again need not be.
const ADDRESSES_MAX: usize = 256;

/// Holds at most `burst` tokens, and gains one each `every`.
#[derive(Debug)]
struct Bucket {
    burst: u32,
    every: Duration,
    /// When it will be full again.
    full_at: Instant,
}

impl Bucket {
    fn full(burst: u32, every: Duration, now: Instant) -> Self {
        Self { burst, every, full_at: now }
    }

    /// For requests of any kind.
    fn of_requests(now: Instant) -> Self {
        Self::full(MESSAGE_BURST_MAX, Duration::from_secs(1) / MESSAGES_PER_SECOND_MAX, now)
    }

    fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.every;
        let some = full_at - now <= self.every * self.burst;
        if some {
            self.full_at = full_at;
        }
        some
    }
}

#[derive(Debug)]
struct Rate {
    requests: Bucket,
    offers: Bucket,
    used: Instant,
}

/// What was asked for lately by one way in, without a credential.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    of: BTreeMap<IpAddr, Bucket>,
}

impl Visits {
    /// Whether somebody at `from` may make another request.
    pub(crate) fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        if !self.of.contains_key(&from) && self.of.len() >= ADDRESSES_MAX {
            self.of.retain(|_, bucket| bucket.full_at > now);
        }
        if !self.of.contains_key(&from) && self.of.len() >= ADDRESSES_MAX {
            let idlest = self.of.iter().min_by_key(|(_, bucket)| bucket.full_at);
            idlest.map(|(ip, _)| *ip).and_then(|ip| self.of.remove(&ip));
        }
        self.of.entry(from).or_insert_with(|| Bucket::of_requests(now)).take(now)
    }
}

/// What everybody with a credential asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    of: BTreeMap<String, Rate>,
}

impl Rates {
    /// Whether `id` may make another request.
    pub(crate) fn request(&mut self, id: &str, now: Instant) -> bool {
        self.rate(id, now).requests.take(now)
    }

    /// Whether `id` may begin another session.
    pub(crate) fn offer(&mut self, id: &str, now: Instant) -> bool {
        self.rate(id, now).offers.take(now)
    }

    fn rate(&mut self, id: &str, now: Instant) -> &mut Rate {
        if !self.of.contains_key(id) && self.of.len() >= CREDENTIALS_MAX {
            let oldest = self.of.iter().min_by_key(|(_, rate)| rate.used).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.of.remove(&id));
        }
        let rate = self.of.entry(id.to_owned()).or_insert_with(|| Rate {
            requests: Bucket::of_requests(now),
            offers: Bucket::full(OFFER_BURST_MAX, OFFER_INTERVAL, now),
            used: now,
        });
        rate.used = now;
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_asks_only_so_often_and_another_is_not_held_up() {
        let (mut rates, mut now) = (Rates::default(), Instant::now());
        assert!((0..MESSAGE_BURST_MAX).all(|_| rates.request("a", now)));
        assert!(!rates.request("a", now));
        assert!(rates.request("b", now));
        now += Duration::from_secs(1);
        assert!((0..MESSAGES_PER_SECOND_MAX).all(|_| rates.request("a", now)));
        assert!(!rates.request("a", now));
    }

    #[test]
    fn a_credential_begins_only_so_many_sessions_in_a_short_time() {
        let (mut rates, mut now) = (Rates::default(), Instant::now());
        assert!((0..OFFER_BURST_MAX).all(|_| rates.offer("a", now)));
        assert!(!rates.offer("a", now));
        now += OFFER_INTERVAL - Duration::from_millis(1);
        assert!(!rates.offer("a", now));
        now += Duration::from_millis(1);
        assert!(rates.offer("a", now));
        assert!(!rates.offer("a", now));
    }

    #[test]
    fn one_address_asks_only_so_often_and_only_so_many_are_remembered() {
        let (mut visits, mut now) = (Visits::default(), Instant::now());
        let ip = |n: usize| IpAddr::from([10, 0, (n / 256) as u8, (n % 256) as u8]);
        assert!((0..MESSAGE_BURST_MAX).all(|_| visits.take(ip(0), now)));
        assert!(!visits.take(ip(0), now));
        // Whoever has asked most stays in mind.
        for n in 1..2 * ADDRESSES_MAX {
            assert!(visits.take(ip(n), now));
        }
        assert_eq!(visits.of.len(), ADDRESSES_MAX);
        assert!(!visits.take(ip(0), now));
        now += Duration::from_secs(60);
        assert!(visits.take(ip(9999), now));
        assert_eq!(visits.of.len(), 1, "all others may ask again as often as at first");
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for n in 0..=CREDENTIALS_MAX {
            rates.request(&n.to_string(), now + Duration::from_secs(n as u64));
        }
        assert_eq!(rates.of.len(), CREDENTIALS_MAX);
        assert!(!rates.of.contains_key("0"));
    }
}
