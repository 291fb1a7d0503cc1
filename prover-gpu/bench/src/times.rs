//! Times of repeated work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Most runs on the CPU: it takes up to a thousand times as long as what it is compared with.
pub(crate) const CPU_RUNS_MAX: u32 = 3;

/// Milliseconds that the device spent in each stage of one run, the mean over all runs.
pub type Stages = BTreeMap<&'static str, f64>;

/// Times of several runs, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// The one in the middle, the upper of two.
    pub median_ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Times {
    /// From the times of single runs; zero where there was none.
    pub(crate) fn of(runs: &[Duration]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_unstable();
        let at = |index: usize| sorted.get(index).copied().map_or(0.0, ms);
        Self {
            median_ms: at(sorted.len() / 2),
            min_ms: at(0),
            max_ms: at(sorted.len().saturating_sub(1)),
        }
    }
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// What `work` returned and how long it took.
pub(crate) fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), E> {
    let start = Instant::now();
    let value = work()?;
    Ok((value, start.elapsed()))
}

/// The stages of `runs` runs as the mean of one.
pub(crate) fn mean(stages: Vec<(&'static str, Duration)>, runs: u32) -> Stages {
    let runs = f64::from(runs.max(1));
    stages.into_iter().map(|(name, total)| (name, ms(total) / runs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_bad_run() {
        let times = Times::of(&[3, 1, 1000].map(Duration::from_millis));
        assert_eq!(times, Times { median_ms: 3.0, min_ms: 1.0, max_ms: 1000.0 });
        assert_eq!(Times::of(&[]), Times::default());
    }

    #[test]
    fn stages_are_the_mean_of_one_run() {
        let total = vec![("sort", Duration::from_millis(6))];
        assert_eq!(mean(total, 3), Stages::from([("sort", 2.0)]));
    }
}
