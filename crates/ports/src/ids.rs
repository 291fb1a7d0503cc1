//! Ids.

use std::fmt;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::{Clock, Rng, lock};

/// Where fresh ids come from.
pub trait Ids: Send + Sync + fmt::Debug {
    /// An id that was never given before.
    fn next(&self) -> Uuid;
}

/// UUIDs of version 7 (RFC 9562), strictly increasing within the process.
///
/// Where the clock stands still or goes back, the next id is the last one plus a random step
/// (RFC 9562, section 6.2, method 2), so that order holds and neighbours cannot be guessed.
#[derive(Debug)]
pub struct TimeOrderedIds {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    last: Mutex<Payload>,
}

/// The 122 bits of a version 7 UUID that are not fixed: 48 of Unix time in milliseconds above
/// 74 of randomness. Payloads sort as their UUIDs do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Payload(u128);

impl Payload {
    const RANDOM_BITS: u32 = 74;
    const RANDOM_MASK: u128 = (1 << Self::RANDOM_BITS) - 1;
    const TIME_MASK: u128 = (1 << 48) - 1;

    fn new(unix_ms: u64, random: u128) -> Self {
        let time = u128::from(unix_ms) & Self::TIME_MASK;
        Self(time << Self::RANDOM_BITS | random & Self::RANDOM_MASK)
    }

    fn unix_ms(self) -> u128 {
        self.0 >> Self::RANDOM_BITS
    }

    /// A larger payload. A step past the randomness of this millisecond carries into the next.
    fn after(self, step: u32) -> Self {
        Self(self.0 + 1 + u128::from(step))
    }

    /// Puts the version (7) and the variant (binary 10) in their places.
    fn uuid(self) -> Uuid {
        let rand_a = self.0 >> 62 & 0xfff;
        let rand_b = self.0 & ((1 << 62) - 1);
        Uuid::from_u128(self.unix_ms() << 80 | 7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
    }
}

impl TimeOrderedIds {
    /// Ids of the times that `clock` shows.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self { clock, rng, last: Mutex::default() }
    }
}

impl Ids for TimeOrderedIds {
    fn next(&self) -> Uuid {
        let mut random = [0; 16];
        self.rng.fill(&mut random);
        let random = u128::from_le_bytes(random);
        let unix_ms = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        let fresh = Payload::new(unix_ms, random);
        let mut last = lock(&self.last);
        *last = if fresh.unix_ms() > last.unix_ms() {
            fresh
        } else {
            // The upper bits are as random as those that a fresh id would have used.
            last.after((random >> 96) as u32)
        };
        last.uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::*;
    use crate::{SeededRng, VirtualClock};

    fn ids(clock: &Arc<VirtualClock>) -> TimeOrderedIds {
        TimeOrderedIds::new(Arc::<VirtualClock>::clone(clock), Arc::new(SeededRng::new(1)))
    }

    #[test]
    fn ids_are_uuids_of_version_7_that_carry_the_time() {
        let clock = Arc::new(VirtualClock::new());
        let id = ids(&clock).next();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        let (seconds, _) = id.get_timestamp().unwrap().to_unix();
        assert_eq!(seconds, 1_767_225_600);
    }

    #[test]
    fn ids_increase_while_the_clock_stands_still_jumps_and_goes_back() {
        let clock = Arc::new(VirtualClock::new());
        let ids = ids(&clock);
        let mut last = ids.next();
        for round in 0..10_000 {
            match round % 1_000 {
                333 => clock.advance(Duration::from_millis(1)),
                666 => clock.step_wall_clock(SignedDuration::from_mins(-10)),
                _ => (),
            }
            let next = ids.next();
            assert!(next > last, "{next} is not after {last}");
            last = next;
        }
    }

    #[test]
    fn a_millisecond_that_is_used_up_carries_into_the_next() {
        let full = Payload::new(5, u128::MAX);
        let next = full.after(0);
        assert_eq!(next.unix_ms(), 6);
        assert!(next.uuid() > full.uuid());
        assert_eq!(next.uuid().get_version_num(), 7);
    }

    #[test]
    fn a_clock_before_1970_still_gives_ids() {
        let clock = Arc::new(VirtualClock::new());
        clock.step_wall_clock(SignedDuration::from_hours(-24 * 365 * 100));
        let ids = ids(&clock);
        assert!(ids.next() < ids.next());
    }
}
