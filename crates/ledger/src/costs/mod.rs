//! Cost reports: grouping rows of usage and adding them up, exactly.

mod groups;
mod sums;

pub use groups::{GROUPS_MAX, Groups, day_of, month_of};
pub use sums::{DECIMAL_PLACES, cost_of_time, decimal_usd, plus, sums_of};

/// Why costs cannot be added up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// A sum does not fit 64 bits.
    #[error("expected sums that fit 64 bits, found more")]
    Overflow,
    /// There are more groups than a report may have.
    #[error("expected at most {max} groups, found more; group by less or ask for fewer days")]
    TooManyGroups {
        /// The bound.
        max: usize,
    },
}
