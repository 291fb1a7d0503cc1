//! How many requests a key may send: one token bucket for each key.
//!
//! A bucket is the one point in time at which it will be full again (the generic cell rate
//! algorithm of ATM's traffic management), so that a full bucket need not be kept at all. Each
//! process counts by itself: several functions together let through as many times more.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use zkpool_ports::Clock;
use zkpool_types::{ErrorCode, KeyId};

use crate::ApiError;
use crate::limits::{RATE_WINDOW, RATED_KEYS_MAX};

/// What every key is allowed (draft-ietf-httpapi-ratelimit-headers-10, section 3).
pub(crate) const POLICY_HEADER: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What this key has left (section 4 of it).
pub(crate) const STANDING_HEADER: HeaderName = HeaderName::from_static("ratelimit");

/// The policy's name in both headers.
const POLICY: &str = "key";

/// The buckets of one process.
#[derive(Clone, Debug)]
pub(crate) struct RateLimits {
    requests: NonZeroU32,
    clock: Arc<dyn Clock>,
    /// When the bucket of each key is full again. One that is not in here is full.
    full_at: Arc<Mutex<HashMap<KeyId, Duration>>>,
}

/// Where a key stands after a request of its own was counted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests that may be sent in a window.
    requests: NonZeroU32,
    /// Requests that may be sent at once now.
    remaining: u32,
    /// Time until all of them may be.
    full_in: Duration,
    /// Time until a request is let through; none where this one was.
    refused_for: Option<Duration>,
}

impl RateLimits {
    /// So many requests of a key in [`RATE_WINDOW`], and as many at once.
    pub(crate) fn new(requests: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        Self { requests, clock, full_at: Arc::default() }
    }

    /// Counts a request of this key, unless it is one too many.
    pub(crate) fn count(&self, key: KeyId) -> Standing {
        let now = self.clock.elapsed();
        let each = RATE_WINDOW / self.requests.get();
        // Entries are whole between two changes, so that another holder's panic is no reason to stop.
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut full_at, now);
        let before = full_at.get(&key).map_or(now, |at| now.max(*at));
        let full_in = before + each - now;
        let Some(left) = RATE_WINDOW.checked_sub(full_in) else {
            let refused_for = Some(full_in - RATE_WINDOW);
            return self.standing(0, before - now, refused_for);
        };
        full_at.insert(key, before + each);
        let remaining = left.as_nanos() / each.as_nanos().max(1);
        self.standing(u32::try_from(remaining).unwrap_or(u32::MAX), full_in, None)
    }

    const fn standing(
        &self,
        remaining: u32,
        full_in: Duration,
        refused_for: Option<Duration>,
    ) -> Standing {
        Standing { requests: self.requests, remaining, full_in, refused_for }
    }
}

/// Forgets full buckets when there are too many, and all of them where none is full: to let some
/// requests through is better than to refuse a key that sent none.
fn make_room(full_at: &mut HashMap<KeyId, Duration>, now: Duration) {
    if full_at.len() < RATED_KEYS_MAX {
        return;
    }
    full_at.retain(|_, at| *at > now);
    if full_at.len() >= RATED_KEYS_MAX {
        tracing::warn!("too many keys send requests at once to count them all");
        full_at.clear();
    }
}

impl Standing {
    /// The refusal, where the request was one too many.
    pub(crate) fn refusal(&self) -> Option<ApiError> {
        let wait_s = seconds(self.refused_for?);
        let (requests, window_s) = (self.requests, RATE_WINDOW.as_secs());
        let detail = format!(
            "expected at most {requests} requests of a key in {window_s} s; wait {wait_s} s"
        );
        Some(ApiError::new(ErrorCode::RateLimited, detail).retry_after(wait_s))
    }

    /// Says in an answer what is allowed and what is left.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { requests, remaining, full_in, refused_for: _ } = self;
        let policy = format!("\"{POLICY}\";q={requests};w={}", RATE_WINDOW.as_secs());
        let standing = format!("\"{POLICY}\";r={remaining};t={}", seconds(*full_in));
        for (name, text) in [(POLICY_HEADER, policy), (STANDING_HEADER, standing)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whole seconds that are not too short.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use zkpool_ports::VirtualClock;

    use super::*;

    fn limits(requests: u32) -> (RateLimits, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::new());
        (RateLimits::new(NonZeroU32::new(requests).unwrap(), clock.clone()), clock)
    }

    fn key(number: u32) -> KeyId {
        format!("018f2e7a-0000-7000-8000-{number:012x}").parse().unwrap()
    }

    #[test]
    fn a_key_may_send_its_requests_at_once_and_no_more() {
        let (limits, _) = limits(3);
        let remaining: Vec<_> = (0..3).map(|_| limits.count(key(1)).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = limits.count(key(1));
        assert_eq!(refused.refused_for, Some(Duration::from_secs(20)));
        assert!(refused.refusal().is_some());
        assert!(limits.count(key(2)).refusal().is_none());
    }

    #[test]
    fn requests_come_back_one_by_one_and_a_refused_one_takes_none() {
        let (limits, clock) = limits(3);
        for _ in 0..5 {
            limits.count(key(1));
        }
        clock.advance(Duration::from_secs(19));
        assert!(limits.count(key(1)).refusal().is_some());
        clock.advance(Duration::from_secs(1));
        assert!(limits.count(key(1)).refusal().is_none());
        assert!(limits.count(key(1)).refusal().is_some());
        clock.advance(RATE_WINDOW);
        assert_eq!(limits.count(key(1)).remaining, 2);
    }

    #[test]
    fn an_answer_says_what_is_allowed_and_what_is_left() {
        let (limits, _) = limits(4);
        let mut headers = HeaderMap::new();
        limits.count(key(1)).write(&mut headers);
        assert_eq!(headers[POLICY_HEADER], "\"key\";q=4;w=60");
        assert_eq!(headers[STANDING_HEADER], "\"key\";r=3;t=15");
    }

    #[test]
    fn the_keys_that_are_counted_are_bounded() {
        let (limits, clock) = limits(1);
        let counted = || limits.full_at.lock().unwrap().len();
        for number in 0..u32::try_from(RATED_KEYS_MAX).unwrap() {
            limits.count(key(number));
        }
        assert_eq!(counted(), RATED_KEYS_MAX);
        clock.advance(RATE_WINDOW);
        limits.count(key(u32::MAX));
        assert_eq!(counted(), 1);
    }
}
