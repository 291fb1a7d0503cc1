//! The deliveries that this process holds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::message::Letter;
use crate::settings::HOLD_MAX;

/// One delivery. Times are those of the clock's [`elapsed`](zkpool_ports::Clock::elapsed).
#[derive(Clone, Debug)]
struct Holding {
    letter: Letter,
    /// When the message becomes visible to others.
    until: Duration,
    /// When SQS ends the hold whatever is asked.
    end: Duration,
}

/// Receipts that are good, with their messages. Outdated ones are dropped as new ones come, so
/// that there are never more than were received within one visibility.
#[derive(Debug, Default)]
pub(super) struct Holdings(Mutex<HashMap<String, Holding>>);

impl Holdings {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a delivery.
    pub(super) fn add(&self, receipt: &str, letter: Letter, now: Duration, visibility: Duration) {
        let mut holdings = self.lock();
        holdings.retain(|_, holding| now < holding.until);
        let (until, end) = (now.saturating_add(visibility), now.saturating_add(HOLD_MAX));
        holdings.insert(receipt.to_owned(), Holding { letter, until, end });
    }

    /// The message, if the receipt is good.
    pub(super) fn get(&self, receipt: &str, now: Duration) -> Option<Letter> {
        let holdings = self.lock();
        holdings.get(receipt).filter(|held| now < held.until).map(|held| held.letter.clone())
    }

    /// For how long, at most `visibility`, the receipt may be extended.
    pub(super) fn extensible(
        &self,
        receipt: &str,
        now: Duration,
        visibility: Duration,
    ) -> Option<Duration> {
        let holdings = self.lock();
        let held = holdings.get(receipt).filter(|held| now < held.until && now < held.end)?;
        Some(visibility.min(held.end.saturating_sub(now)))
    }

    /// Notes an extension.
    pub(super) fn extend(&self, receipt: &str, now: Duration, visibility: Duration) {
        if let Some(holding) = self.lock().get_mut(receipt) {
            holding.until = now.saturating_add(visibility);
        }
    }

    /// Forgets a delivery.
    pub(super) fn remove(&self, receipt: &str) {
        self.lock().remove(receipt);
    }
}

#[cfg(test)]
mod tests {
    use zkpool_ports::Message;

    use super::*;

    const VISIBILITY: Duration = Duration::from_secs(30);

    fn holdings() -> Holdings {
        let message = Message { id: "1".to_owned(), group: "p".to_owned(), body: String::new() };
        let holdings = Holdings::default();
        holdings.add("r", Letter::new(message), Duration::ZERO, VISIBILITY);
        holdings
    }

    #[test]
    fn a_receipt_is_good_until_its_visibility_runs_out_and_not_after() {
        let (held, last) = (holdings(), VISIBILITY - Duration::from_nanos(1));
        assert!(held.get("r", last).is_some());
        assert!(held.get("r", VISIBILITY).is_none());
        assert!(held.extensible("r", VISIBILITY, VISIBILITY).is_none());
    }

    #[test]
    fn no_extension_reaches_beyond_twelve_hours() {
        let held = holdings();
        let late = HOLD_MAX - Duration::from_secs(10);
        held.extend("r", late - VISIBILITY, VISIBILITY + VISIBILITY);
        assert_eq!(held.extensible("r", late, VISIBILITY), Some(Duration::from_secs(10)));
        assert_eq!(held.extensible("r", HOLD_MAX, VISIBILITY), None);
    }

    #[test]
    fn outdated_receipts_are_forgotten_when_the_next_one_comes() {
        let held = holdings();
        let letter = held.get("r", Duration::ZERO).unwrap();
        held.add("s", letter, VISIBILITY, VISIBILITY);
        assert_eq!(held.lock().len(), 1);
    }
}
