//! How far a run may go.

use std::time::Duration;

use zkpool_types::limits::GENERATOR_MEMORY_BYTES_MAX;

/// Instructions of a run: twenty to thirty seconds of a core, and what circuits of a million
/// constraints take that hash as much as the rollup circuit does (54,000 a constraint).
const FUEL_MAX: u64 = 60_000_000_000;

/// Longest run: what [`FUEL_MAX`] takes on a processor a third as fast.
const TIME_MAX: Duration = Duration::from_secs(90);

/// Values of a witness: 1 GiB of them.
const VALUES_MAX: u64 = 1 << 25;

/// How far a run may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, more or less: what wasmi calls fuel.
    pub fuel: u64,
    /// Time on the clock. It is looked at every few milliseconds.
    pub time: Duration,
    /// Memory of the module in bytes.
    pub memory_bytes: u64,
    /// Values of the witness, the constant 1 included.
    pub values: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: FUEL_MAX,
            time: TIME_MAX,
            memory_bytes: GENERATOR_MEMORY_BYTES_MAX,
            values: VALUES_MAX,
        }
    }
}
