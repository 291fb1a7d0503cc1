//! The rollup circuit that comes with the command: batches of one signed transfer each.

use std::io::Cursor;
use std::path::Path;

use zkpool_circuit_files::r1cs;
use zkpool_sdk::{NewCircuit, ProofRequest};
use zkpool_types::api::CircuitView;

use crate::client::Client;
use crate::exit::CliError;
use crate::groth16;
use crate::progress::Drawing;

/// The constraint system, as circom compiled it.
const CONSTRAINTS: &[u8] = include_bytes!("../../circuits/rollup/artifacts/rollup_1.r1cs");

/// Witnesses of a chain of batches: each begins at the state root where the one before it ended.
pub(crate) const BATCHES: [&[u8]; 8] = [
    include_bytes!("../../circuits/rollup/artifacts/batches/1.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/2.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/3.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/4.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/5.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/6.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/7.wtns"),
    include_bytes!("../../circuits/rollup/artifacts/batches/8.wtns"),
];

/// The witness of the batch proven as number `index`, which is taken in turn.
pub(crate) fn batch(index: usize) -> &'static [u8] {
    BATCHES.get(index % BATCHES.len()).copied().unwrap_or_default()
}

/// Registers the circuit over HTTP.
///
/// The key is of a development setup, which takes seconds instead of a ceremony. It is kept in
/// `data`, so that later runs on the same directory prove under the same version.
pub(crate) fn register(
    client: &Client,
    data: &Path,
    drawing: Drawing,
) -> Result<CircuitView, CliError> {
    let dir = data.join("demo");
    std::fs::create_dir_all(&dir).map_err(|error| CliError::write(&dir, error))?;
    let path = dir.join("rollup_1.zkey");
    if !path.exists() {
        let _bar = drawing.spinner("setting up a development key");
        let constraints = r1cs::read(Cursor::new(CONSTRAINTS)).map_err(CliError::internal)?;
        groth16::development_setup(&constraints, &path)?;
    }
    let _bar = drawing.spinner("registering the circuit");
    let circuit = NewCircuit::file("rollup", &path).allow_development_key(true);
    client.run(async |sdk| sdk.register(circuit).await)
}

/// What asks for the proof of a batch.
pub(crate) fn request(circuit: &CircuitView, index: usize) -> ProofRequest {
    ProofRequest::new(circuit.id.to_string(), batch(index))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_batches_are_different_and_taken_in_turn() {
        assert_eq!(BATCHES.iter().collect::<HashSet<_>>().len(), BATCHES.len());
        assert_eq!(batch(0), batch(BATCHES.len()));
    }
}
