//! Percentiles of any number of values in bounded memory.

use std::collections::BTreeMap;

/// Different values that are told apart: 40 KB.
const VALUES_MAX: usize = 1024;

/// Values and how often each was seen.
///
/// Percentiles are exact while there are at most [`VALUES_MAX`] different values. Where there are
/// more, values are rounded down to fewer and fewer binary digits until they are that few again: to
/// 8 digits, which is less than 1 %, where they lie within a factor of 256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram {
    seen: BTreeMap<u64, u64>,
    /// Binary digits that are kept, from the first one that is set.
    digits: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { seen: BTreeMap::new(), digits: u64::BITS }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, value: u64) {
        self.add_times(value, 1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (value, times) in &other.seen {
            self.add_times(*value, *times);
        }
    }

    /// Values that were added.
    pub(super) fn len(&self) -> u64 {
        self.seen.values().sum()
    }

    /// The smallest of the values that at least `percent` of them do not exceed (nearest rank);
    /// zero where there are none.
    pub(super) fn percentile(&self, percent: u64) -> u64 {
        let rank = u128::from(self.len()) * u128::from(percent);
        let mut below = 0_u128;
        for (value, times) in &self.seen {
            below += u128::from(*times) * 100;
            if below >= rank {
                return *value;
            }
        }
        0
    }

    fn add_times(&mut self, value: u64, times: u64) {
        *self.seen.entry(rounded(value, self.digits)).or_default() += times;
        while self.seen.len() > VALUES_MAX && self.digits > 1 {
            self.digits -= 1;
            for (value, times) in std::mem::take(&mut self.seen) {
                *self.seen.entry(rounded(value, self.digits)).or_default() += times;
            }
        }
    }
}

/// The value with all but its first `digits` binary digits set to zero.
const fn rounded(value: u64, digits: u32) -> u64 {
    let length = u64::BITS - value.leading_zeros();
    let dropped = length.saturating_sub(digits);
    (value >> dropped) << dropped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|value| histogram.add(value));
        histogram
    }

    /// The nearest rank among sorted values.
    fn nearest(sorted: &[u64], percent: usize) -> u64 {
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted[rank.saturating_sub(1)]
    }

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let hundred = of(1..=100);
        assert_eq!((hundred.percentile(50), hundred.percentile(95)), (50, 95));
        assert_eq!(of([7]).percentile(95), 7);
        assert_eq!(of([3, 1, 2]).percentile(50), 2);
        assert_eq!((of([]).percentile(50), of([]).len()), (0, 0));
    }

    proptest! {
        #[test]
        fn few_values_are_exact_in_whatever_parts_they_come(
            parts in prop::collection::vec(prop::collection::vec(any::<u64>(), 1..60), 1..12),
            percent in 1..=100_u8,
        ) {
            let mut whole = Histogram::default();
            parts.iter().for_each(|part| whole.merge(&of(part.iter().copied())));
            let mut sorted: Vec<u64> = parts.concat();
            sorted.sort_unstable();
            prop_assert_eq!(whole.len(), sorted.len() as u64);
            prop_assert_eq!(
                whole.percentile(percent.into()),
                nearest(&sorted, percent.into())
            );
        }

        #[test]
        fn many_values_are_few_in_memory_and_less_than_one_percent_too_low(
            values in prop::collection::vec(1_000_000..256_000_000_u64, 5_000..10_000),
            percent in 1..=100_u8,
        ) {
            let histogram = of(values.iter().copied());
            let mut sorted = values;
            sorted.sort_unstable();
            let (exact, told) =
                (nearest(&sorted, percent.into()), histogram.percentile(percent.into()));
            prop_assert!(histogram.seen.len() <= VALUES_MAX);
            prop_assert_eq!(histogram.len(), sorted.len() as u64);
            prop_assert!(told <= exact && (exact - told) * 100 < exact, "{} of {}", told, exact);
        }
    }
}
