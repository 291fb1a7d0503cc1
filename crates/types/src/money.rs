//! Money: whole nano-dollars, never a floating-point number.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// An amount in 10^-9 US dollars. The largest amount is about 18 billion dollars.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct NanoUsd(u64);

impl NanoUsd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// This many nano-dollars.
    #[must_use]
    pub const fn new(nano_usd: u64) -> Self {
        Self(nano_usd)
    }

    /// The amount in nano-dollars.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, or `None` where it would exceed the largest amount.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

impl Sum for NanoUsd {
    /// Adds amounts; a sum beyond the largest amount stays at the largest amount.
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |total, amount| Self(total.0.saturating_add(amount.0)))
    }
}

impl fmt::Display for NanoUsd {
    /// Exact decimal dollars with nine places, such as `$0.000023611`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NANO_PER_USD: u64 = 1_000_000_000;
        write!(f, "${}.{:09}", self.0 / NANO_PER_USD, self.0 % NANO_PER_USD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_written_exactly() {
        assert_eq!(NanoUsd::new(400).to_string(), "$0.000000400");
        assert_eq!(NanoUsd::new(1_234_567_890_123).to_string(), "$1234.567890123");
    }

    #[test]
    fn a_sum_never_wraps() {
        let most = NanoUsd::new(u64::MAX);
        assert_eq!(most.checked_add(NanoUsd::new(1)), None);
        assert_eq!([most, NanoUsd::new(1)].into_iter().sum::<NanoUsd>(), most);
    }
}
