//! Witnesses from inputs, on this machine.

use std::io::Read;
use std::path::Path;

use zkpool_ports::SystemClock;
use zkpool_types::limits::GENERATOR_BYTES_MAX;
use zkpool_types::{ErrorCode, Secret};
use zkpool_witness::{Generator, Limits};

use crate::exit::CliError;
use crate::files;

/// Computes the witness of inputs, as a `.wtns` file.
///
/// # Errors
/// A file cannot be read or is refused, or there is no witness of these inputs.
pub(crate) fn witness(module: &Path, inputs: &Path) -> Result<Secret<Vec<u8>>, CliError> {
    let json = files::read_json(inputs)?;
    let generator = Generator::new(&read(module)?);
    let witness = generator
        .and_then(|generator| generator.witness(&json, Limits::default(), &SystemClock::new()));
    witness.map_err(|error| match error.code() {
        ErrorCode::InvalidGenerator => CliError::bad_file(module, error),
        ErrorCode::InvalidInputs => CliError::bad_file(inputs, error),
        _ => CliError::NoWitness(error),
    })
}

/// Reads a module, and one byte more than any may have, which refuses it.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let (file, _) = files::open(path)?;
    let mut module = Vec::new();
    let read = file.take(GENERATOR_BYTES_MAX + 1).read_to_end(&mut module);
    read.map(|_| module).map_err(|error| CliError::read(path, error))
}
