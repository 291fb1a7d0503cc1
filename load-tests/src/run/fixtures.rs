//! Circuits and witnesses that come with the repository.

use std::sync::LazyLock;

use zkpool_types::limits::NAME_BYTES_MAX;

use super::scenario::{Circuit, Source};

/// The key of one multiplication, from a ceremony of one.
pub(crate) const MULTIPLIER_KEY: &[u8] =
    include_bytes!("../../../tests/fixtures/bn128/multiplier.zkey");

/// A witness of it.
pub(crate) const MULTIPLIER_WITNESS: &[u8] =
    include_bytes!("../../../tests/fixtures/bn128/multiplier.wtns");

/// The same with another last value, which is no solution.
static UNSATISFIED_WITNESS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut witness = MULTIPLIER_WITNESS.to_vec();
    if let Some(byte) = witness.iter_mut().nth_back(VALUE_BYTES - 1) {
        *byte ^= 1;
    }
    witness
});

/// Bytes of a value, the lowest first.
const VALUE_BYTES: usize = 32;

/// The constraints of the rollup.
pub(crate) const ROLLUP_CONSTRAINTS: &[u8] =
    include_bytes!("../../../circuits/rollup/artifacts/rollup_1.r1cs");

/// Witnesses of the rollup, one for each batch.
const ROLLUP_WITNESSES: [&[u8]; 4] = [
    include_bytes!("../../../circuits/rollup/artifacts/batches/1.wtns"),
    include_bytes!("../../../circuits/rollup/artifacts/batches/2.wtns"),
    include_bytes!("../../../circuits/rollup/artifacts/batches/3.wtns"),
    include_bytes!("../../../circuits/rollup/artifacts/batches/4.wtns"),
];

/// The witness of a stream's job.
pub(crate) fn witness(source: Source, number: usize) -> &'static [u8] {
    match source {
        Source::Multiplier => MULTIPLIER_WITNESS,
        Source::Unsatisfied => &UNSATISFIED_WITNESS,
        Source::Rollup => ROLLUP_WITNESSES[number % ROLLUP_WITNESSES.len()],
    }
}

/// The name under which a circuit is registered with one of its keys.
pub(crate) fn name(circuit: &Circuit, key: u32) -> String {
    let Circuit { name, keys, .. } = circuit;
    let name: String = name.chars().take(NAME_BYTES_MAX - 3).collect();
    if *keys == 1 { name } else { format!("{name}-{}", key + 1) }
}

/// The key that a stream's job is proven with: they are taken in turn.
pub(crate) fn key_of(circuit: &Circuit, number: usize) -> u32 {
    let keys = circuit.keys.max(1);
    u32::try_from(number % keys as usize).unwrap_or(0)
}
