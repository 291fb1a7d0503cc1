//! Prepared keys: files of keys that were checked, in the form in which a prover reads them.
//!
//! Reading a `.zkey` for the first time checks every point. What was checked is then written to a
//! file of this module, which later runs map into memory: nothing is parsed, copied or checked
//! again but a checksum, and processes that use one key share its memory. Each section is mapped
//! by itself, so that a part of the key leaves memory as soon as a prover is done with it.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | the magic `zkpoolpk` |
//! | 8 | the version |
//! | 32 | BLAKE3 of everything after it |
//! | 144 | SHA-256, BLAKE3 and length of the `.zkey`, curve, flags, counts, order of sections |
//!
//! Then come the sections, each from a multiple of 64 bytes on and filled up with zeros: the
//! single points and IC; the contributions; the different values of the coefficients; where the
//! rows of A and B end; signal and value of each coefficient; the points of A, B in G1, B in G2, C
//! and H as [`Points`](crate::Points) has them. All lengths follow from the counts. Numbers are
//! little-endian, and machines that are not do without these files.
//!
//! Such a file belongs to the machine that wrote it. It is named by the content of its `.zkey`
//! ([`Fingerprint`]), so that a key that is replaced, truncated or copied from elsewhere has
//! another one. What is damaged, of another version or of another key counts as absent and is
//! written again.
//!
//! Trust: the checksum finds damage, not intent. Whoever can write to the directory can make this
//! process prove with other points and take them for checked. So it is in the user's own cache
//! directory, writable by the prover's own account only, and never beside a key that may come from
//! elsewhere or in a directory that requesters upload to.

mod cache;
mod format;
mod open;
mod write;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

pub use cache::{BYTES_MAX, Cache};
pub use open::{PreparedError, open};
pub use write::write;

/// BLAKE3 of a key file: its name on this machine, which is much faster to compute than SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a whole file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(file: &File) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hash_rest(file, &mut hasher)?;
        Ok(hasher.finalize().into())
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hashes what of a file was not read yet, on all cores.
fn hash_rest(file: &File, hasher: &mut blake3::Hasher) -> io::Result<()> {
    /// Bytes that are read at a time: enough for all cores, and not too much for their caches.
    const CHUNK_BYTES: usize = 1 << 21;
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    while file.take(CHUNK_BYTES as u64).read_to_end(&mut buffer)? > 0 {
        hasher.update_rayon(&buffer);
        buffer.clear();
    }
    Ok(())
}

impl From<blake3::Hash> for Fingerprint {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash.into())
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
