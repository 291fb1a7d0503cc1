//! Randomness.

use std::fmt;
use std::sync::Mutex;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::lock;

/// Where random bytes come from.
pub trait Rng: Send + Sync + fmt::Debug {
    /// Fills `bytes` with bytes that nobody else can predict.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system gave no randomness, so that no key or proof made here would be safe.
#[derive(Debug, thiserror::Error)]
#[error("the operating system has no randomness to give")]
pub struct NoEntropy(#[source] getrandom::Error);

/// The operating system's generator, for everything that leaves this process.
///
/// [`Rng::fill`] cannot fail, and nothing may go on with predictable bytes. So a system without
/// randomness is refused at the start, and should the source fail later, a ChaCha20 generator
/// (RFC 8439) that was seeded from it at the start takes over: slower to be renewed, as hard to
/// predict.
pub struct OsRng {
    reserve: Mutex<ChaCha20Rng>,
}

impl OsRng {
    /// Opens the system's generator.
    ///
    /// # Errors
    /// The system's generator gives no bytes.
    pub fn new() -> Result<Self, NoEntropy> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(NoEntropy)?;
        Ok(Self { reserve: Mutex::new(ChaCha20Rng::from_seed(seed)) })
    }
}

impl Rng for OsRng {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            lock(&self.reserve).fill_bytes(bytes);
        }
    }
}

impl fmt::Debug for OsRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OsRng")
    }
}

/// ChaCha20 from a number, for tests and simulation: the same seed, the same bytes.
pub struct SeededRng {
    seed: u64,
    stream: Mutex<ChaCha20Rng>,
}

impl SeededRng {
    /// The stream of bytes that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, stream: Mutex::new(ChaCha20Rng::seed_from_u64(seed)) }
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        lock(&self.stream).fill_bytes(bytes);
    }
}

impl fmt::Debug for SeededRng {
    /// Shows the seed, so that a failed run can be repeated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeededRng({})", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(rng: &dyn Rng) -> [u8; 32] {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_repeats_its_bytes_and_no_others() {
        let (first, again, other) = (SeededRng::new(1), SeededRng::new(1), SeededRng::new(2));
        assert_eq!(take(&first), take(&again));
        assert_ne!(take(&first), take(&other));
    }

    #[test]
    fn the_system_generator_does_not_repeat_itself() {
        let rng = OsRng::new().unwrap();
        assert_ne!(take(&rng), take(&rng));
    }

    #[test]
    fn a_generator_does_not_print_its_state() {
        assert_eq!(format!("{:?}", OsRng::new().unwrap()), "OsRng");
        assert_eq!(format!("{:?}", SeededRng::new(7)), "SeededRng(7)");
    }
}
