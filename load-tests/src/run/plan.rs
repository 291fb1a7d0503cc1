//! When which job is sent, decided before the first one is.
//!
//! The load is *open*: nothing that the service does changes when a job is due, and every latency
//! counts from then. A generator that waits for answers before it goes on sends less exactly while
//! the service is slow, and leaves out of its figures what its own waiting hid (Gil Tene calls that
//! coordinated omission; wrk2 and HdrHistogram are built against it).

use std::time::Duration;

use zkpool_replay::Dice;

use super::RunError;
use super::scenario::{Pattern, Scenario};

/// Jobs of one run: what is known of each is kept until the end.
const JOBS_MAX: usize = 2_000_000;

/// A job that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// When, from the start.
    pub(crate) at: Duration,
    /// By which stream of the scenario.
    pub(crate) stream: usize,
    /// Its number among those of its stream.
    pub(crate) number: usize,
}

/// Every job of a scenario, ascending in time.
pub(crate) fn plan(scenario: &Scenario) -> Result<Vec<Planned>, RunError> {
    let mut all = Vec::new();
    for (stream, description) in scenario.streams.iter().enumerate() {
        let seed = scenario.seed.wrapping_add(stream as u64);
        let left = JOBS_MAX + 1 - all.len();
        let times = description.pattern.times(scenario.duration(), seed, left);
        all.extend(times.into_iter().enumerate().map(|(number, at)| Planned {
            at,
            stream,
            number,
        }));
        if all.len() > JOBS_MAX {
            return Err(RunError::TooManyJobs { max: JOBS_MAX });
        }
    }
    all.sort_by_key(|job| job.at);
    Ok(all)
}

impl Pattern {
    /// Times before `end`, at most `max` of them.
    fn times(self, end: Duration, seed: u64, max: usize) -> Vec<Duration> {
        let (end_s, dice) = (end.as_secs_f64(), Dice::new(seed));
        let (mut now_s, mut times) = (0.0, Vec::new());
        if matches!(self, Self::Random { .. }) {
            now_s = self.gap_s(&dice);
        }
        while now_s < end_s && times.len() < max {
            let count = self.at_once().min(max - times.len());
            times.extend(std::iter::repeat_n(Duration::from_secs_f64(now_s), count));
            now_s += self.gap_s(&dice);
        }
        times
    }

    /// Time from one moment at which jobs are sent to the next: never so short that none passes.
    fn gap_s(self, dice: &Dice) -> f64 {
        let gap_s = match self {
            Self::Even { per_s } => 1.0 / per_s,
            Self::Random { per_s } => dice.exponential(1.0 / per_s),
            Self::Batches { every_s, .. } => every_s,
        };
        // Nothing at no pace is nothing.
        if gap_s.is_nan() { f64::INFINITY } else { gap_s.max(1e-9) }
    }

    /// At least one, or there would be no end to looking for the next.
    fn at_once(self) -> usize {
        match self {
            Self::Even { .. } | Self::Random { .. } => 1,
            Self::Batches { jobs, .. } => jobs.max(1) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times_ms(pattern: Pattern) -> Vec<u128> {
        pattern.times(Duration::from_secs(2), 7, 1000).iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn jobs_come_evenly_or_in_batches() {
        assert_eq!(times_ms(Pattern::Even { per_s: 2.0 }), [0, 500, 1000, 1500]);
        assert_eq!(times_ms(Pattern::Batches { every_s: 1.0, jobs: 2 }), [0, 0, 1000, 1000]);
    }

    #[test]
    fn chance_keeps_the_pace_and_repeats_itself() {
        let pattern = Pattern::Random { per_s: 200.0 };
        let times = times_ms(pattern);
        assert!((300..500).contains(&times.len()), "{}", times.len());
        assert_eq!(times, times_ms(pattern));
    }

    #[test]
    fn a_pattern_without_sense_or_end_is_bounded() {
        assert_eq!(times_ms(Pattern::Even { per_s: f64::INFINITY }).len(), 1000);
        assert_eq!(times_ms(Pattern::Batches { every_s: 0.0, jobs: 0 }).len(), 1000);
        for per_s in [0.0, f64::NAN] {
            assert!(times_ms(Pattern::Random { per_s }).is_empty(), "{per_s}");
        }
    }
}
