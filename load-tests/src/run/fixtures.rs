//! Circuits and witnesses that come with the repository.

use std::sync::LazyLock;

use zkpool_sdk::ProofRequest;
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

/// A witness generator for tests to fill in: what setting an input does, and what else there is.
const GENERATOR: &str = include_str!("../../../tests/fixtures/generator.wat");

/// The inputs of generators that do harm.
const INPUTS: &str = r#"{"a": 1}"#;

/// What is asked for in a job of this number, by the circuit's reference.
pub(crate) fn request(source: Source, reference: String, number: usize) -> ProofRequest {
    match source {
        Source::Multiplier => ProofRequest::new(reference, MULTIPLIER_WITNESS),
        Source::Unsatisfied => ProofRequest::new(reference, UNSATISFIED_WITNESS.as_slice()),
        Source::Malformed => {
            let cut = MULTIPLIER_WITNESS.len() - VALUE_BYTES;
            ProofRequest::new(reference, &MULTIPLIER_WITNESS[..cut])
        }
        Source::Trapping | Source::Endless | Source::Hungry => {
            ProofRequest::inputs(reference, INPUTS)
        }
        Source::Rollup => {
            ProofRequest::new(reference, ROLLUP_WITNESSES[number % ROLLUP_WITNESSES.len()])
        }
    }
}

/// The witness generator that the circuit is registered with, as text.
pub(crate) fn generator(source: Source) -> Option<String> {
    let set_input = match source {
        Source::Trapping => "unreachable",
        Source::Endless => "(loop $forever br $forever)",
        Source::Hungry => "(loop $more (drop (memory.grow (i32.const 100))) br $more)",
        Source::Multiplier | Source::Unsatisfied | Source::Malformed | Source::Rollup => {
            return None;
        }
    };
    let values = r#"(func (export "getWitnessSize") (result i32) i32.const 25)"#;
    Some(GENERATOR.replace("SET_INPUT", set_input).replace("MORE", values))
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
