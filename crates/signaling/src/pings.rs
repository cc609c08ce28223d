//! Which pings were sent and not answered yet. Sans-IO.

use std::collections::VecDeque;
use std::time::Duration;

use lanlens_model::limits::PING_TIMEOUT;
use tokio::time::Instant;

/// More than fit into the timeout at one a second.
const OUTSTANDING_MAX: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Ping {
    t1: u64,
    sent_at: Instant,
}

/// The pings of one link, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    outstanding: VecDeque<Ping>,
}

impl Pings {
    /// A ping with this time in it was sent (or could not be, which is no better).
    pub(crate) fn handle_sent(&mut self, t1: u64, now: Instant) {
        if self.outstanding.len() < OUTSTANDING_MAX {
            self.outstanding.push_back(Ping { t1, sent_at: now });
        }
    }

    /// How long the ping with this time took; `None` if there is none. Older ones count as
    /// answered too, since messages keep their order.
    pub(crate) fn handle_answer(&mut self, t1: u64, now: Instant) -> Option<Duration> {
        let position = self.outstanding.iter().position(|ping| ping.t1 == t1)?;
        let ping = self.outstanding.drain(..=position).next_back()?;
        Some(now.saturating_duration_since(ping.sent_at))
    }

    /// When the peer counts as silent unless it answers.
    pub(crate) fn silent_at(&self) -> Option<Instant> {
        self.outstanding.front().map(|ping| ping.sent_at + PING_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_peer_that_answers_late_but_steadily_is_never_silent() {
        let (mut pings, start) = (Pings::default(), Instant::now());
        for n in 0..100 {
            let now = start + n * SECOND;
            pings.handle_sent(n.into(), now);
            assert!(pings.silent_at().unwrap() > now, "{n}");
            // Two seconds for every round trip.
            if let Some(answered) = n.checked_sub(2) {
                assert_eq!(pings.handle_answer(answered.into(), now), Some(2 * SECOND));
            }
        }
    }

    #[test]
    fn a_peer_that_stops_answering_is_silent_after_the_timeout() {
        let (mut pings, start) = (Pings::default(), Instant::now());
        assert_eq!(pings.silent_at(), None);
        for n in 0..5 {
            pings.handle_sent(n.into(), start + n * SECOND);
        }
        assert!(pings.handle_answer(1, start + 2 * SECOND).is_some());
        assert_eq!(pings.silent_at(), Some(start + 2 * SECOND + PING_TIMEOUT));
    }

    #[test]
    fn an_invented_answer_is_no_answer() {
        let (mut pings, now) = (Pings::default(), Instant::now());
        pings.handle_sent(7, now);
        assert_eq!(pings.handle_answer(8, now), None);
        assert!(pings.handle_answer(7, now).is_some());
        assert_eq!(pings.handle_answer(7, now), None);
    }
}
