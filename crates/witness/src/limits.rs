//! How far a run may go.

use std::time::Duration;

use zkpool_types::limits::GENERATOR_MEMORY_BYTES_MAX;

/// Instructions of a run: twenty to thirty seconds of a core, and what circuits of a million
/// constraints take that hash as much as the rollup circuit does (54,000 a constraint).
const FUEL_MAX: u64 = 60_000_000_000;

/// Instructions that any circuit gets: a tenth of a second of a core.
const FUEL_MIN: u64 = 250_000_000;

/// Further instructions for each value of the witness: four times what the rollup circuit takes.
const FUEL_PER_VALUE: u64 = 200_000;

/// Bytes of memory that any circuit gets.
const MEMORY_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Further bytes for each value of the witness: four times what the rollup circuit takes.
const MEMORY_BYTES_PER_VALUE: u64 = 1024;

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

impl Limits {
    /// The limits of a run that makes a witness of so many values. A circuit of few values gets
    /// little, so that a generator which never ends or takes all it can get costs a prover no more
    /// than in proportion to its circuit.
    #[must_use]
    pub(crate) fn scaled_to(self, values: u64) -> Self {
        let share = |min: u64, each: u64| min.saturating_add(each.saturating_mul(values));
        Self {
            fuel: self.fuel.min(share(FUEL_MIN, FUEL_PER_VALUE)),
            memory_bytes: self.memory_bytes.min(share(MEMORY_BYTES_MIN, MEMORY_BYTES_PER_VALUE)),
            ..self
        }
    }
}
