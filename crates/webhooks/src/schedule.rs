//! When a delivery is tried again.

use std::time::Duration;

use jiff::SignedDuration;
use zkpool_ports::Rng;
use zkpool_types::Timestamp;

/// Pauses after the first try, the second, and so on: those that Standard Webhooks recommends.
/// After the last one nothing is tried by itself: that is about three days later.
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// The longest time that an address may ask to be left alone.
const ASKED_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A pause is made longer by chance by up to this part of it, so that what failed together does not
/// come back together.
const JITTER_PART: i32 = 10;

/// When the delivery is tried after `tries` failed ones, the last of them at `at`; not by itself
/// where this is none.
pub(crate) fn next(
    tries: u32,
    at: Timestamp,
    asked: Option<Duration>,
    rng: &dyn Rng,
) -> Option<Timestamp> {
    let index = usize::try_from(tries).ok()?.checked_sub(1)?;
    let pause = *PAUSES.get(index)?;
    let asked = asked.map_or(SignedDuration::ZERO, |asked| {
        SignedDuration::try_from(asked).map_or(ASKED_MAX, |asked| asked.min(ASKED_MAX))
    });
    at.checked_add(pause.max(asked) + jitter(pause, rng)).ok()
}

fn jitter(pause: SignedDuration, rng: &dyn Rng) -> SignedDuration {
    let mut random = [0; 1];
    rng.fill(&mut random);
    pause / JITTER_PART / 256 * i32::from(random[0])
}

#[cfg(test)]
mod tests {
    use zkpool_ports::SeededRng;

    use super::*;

    fn pause_after(tries: u32, asked: Option<Duration>) -> Option<i64> {
        let at = Timestamp::UNIX_EPOCH;
        let next = next(tries, at, asked, &SeededRng::new(1))?;
        Some(next.duration_since(at).as_secs())
    }

    #[test]
    fn pauses_grow_to_a_day_and_then_it_is_given_up() {
        let pauses: Vec<_> = (1..=9).map(|tries| pause_after(tries, None).unwrap()).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert!(
            (5..=6).contains(&pauses[0]) && (86_400..95_040).contains(&pauses[8]),
            "{pauses:?}"
        );
        assert_eq!(pause_after(10, None), None);
        assert_eq!(pause_after(100, None), None);
    }

    #[test]
    fn an_address_is_left_alone_as_long_as_it_asks_within_a_day() {
        assert!(pause_after(1, Some(Duration::from_secs(60))).unwrap() >= 60);
        assert!(pause_after(2, Some(Duration::from_secs(60))).unwrap() >= 300);
        assert!(pause_after(1, Some(Duration::MAX)).unwrap() < 25 * 3600);
    }
}
