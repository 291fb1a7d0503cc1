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

/// An idempotency key that no other request has.
pub(crate) fn idempotency_key() -> Result<String, CliError> {
    let mut random = [0; 16];
    system_rng()?.fill(&mut random);
    Ok(format!("zkpool-{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_do_not_share_a_key() {
        assert_ne!(idempotency_key().unwrap(), idempotency_key().unwrap());
    }
}
