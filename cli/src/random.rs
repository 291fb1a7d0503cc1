//! Randomness of this machine.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use zkpool_ports::{OsRng, Rng};

use crate::exit::CliError;

/// The system's generator.
pub(crate) fn system_rng() -> Result<OsRng, CliError> {
    OsRng::new().map_err(|error| CliError::storage("read random bytes", error))
}

/// A generator for secrets of proofs and setups, seeded by the system.
pub(crate) fn generator() -> Result<ChaCha20Rng, CliError> {
    let mut seed = [0; 32];
    system_rng()?.fill(&mut seed);
    Ok(ChaCha20Rng::from_seed(seed))
}
