//! Axes with round steps, in whole numbers.

/// An axis from zero to a round value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// The distance of two ticks: 1, 2 or 5 times a power of ten.
    pub(crate) step: u64,
    /// The last tick. Where the next step would not fit 64 bits, the value that it is not to
    /// exceed lies above it.
    pub(crate) top: u64,
}

impl Axis {
    /// The axis of the smallest round step that reaches `max` in at most `steps`.
    pub(crate) fn up_to(max: u64, steps: u64) -> Self {
        let step = round_up(max.max(1).div_ceil(steps.max(1)));
        let count = max.max(1).div_ceil(step);
        Self { step, top: step.saturating_mul(count) }
    }

    /// Every tick.
    pub(crate) fn values(self) -> impl Iterator<Item = u64> {
        let count = self.top / self.step;
        (0..=count).map(move |index| index * self.step)
    }

    /// The part of `length` that `value` takes, rounded half up, and never more than all of it.
    pub(crate) fn part(self, value: u64, length: u64) -> u64 {
        let (value, length, top) = (u128::from(value), u128::from(length), u128::from(self.top));
        let part = (2 * value * length + top) / (2 * top);
        u64::try_from(part.min(length)).unwrap_or(u64::MAX)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `value`; the largest one of
/// 64 bits where there is none.
pub(crate) fn round_up(value: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            match power.checked_mul(factor) {
                Some(step) if step >= value => return step,
                Some(_) => {}
                None => return power,
            }
        }
        match power.checked_mul(10) {
            Some(next) => power = next,
            None => return power,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (value, step) in [(0, 1), (1, 1), (3, 5), (6, 10), (11, 20), (21, 50), (501, 1000)] {
            assert_eq!(round_up(value), step, "{value}");
        }
        assert_eq!(round_up(u64::MAX), 10_000_000_000_000_000_000);
    }

    #[test]
    fn an_axis_reaches_its_largest_value_in_few_steps() {
        for max in [0, 1, 3, 4, 5, 99, 100, 101, 75_138, 607_736, 1 << 40] {
            let axis = Axis::up_to(max, 4);
            assert!(axis.top >= max && axis.top > 0);
            assert!(axis.top - max < axis.step || max == 0, "{max}: {axis:?}");
            assert!((2..=5).contains(&axis.values().count()), "{max}: {axis:?}");
        }
    }

    #[test]
    fn parts_are_in_proportion_and_never_outgrow_the_length() {
        let axis = Axis::up_to(100, 4);
        assert_eq!([0, 50, 100].map(|value| axis.part(value, 200)), [0, 100, 200]);
        let axis = Axis::up_to(u64::MAX, 4);
        assert_eq!(axis.part(u64::MAX, 200), 200);
    }
}
