//! Section 10: who contributed to phase 2 of the setup, or that nobody needed to.

use crate::curve::CircomCurve;
use crate::error::Rejection;
use crate::point::FilePoint;

/// Stands in place of the circuit's hash in keys made by a development setup.
///
/// It travels inside the file, so that copying a key cannot launder it, and snarkjs, which reads
/// it as the hash of a key without contributions, still proves with the key.
pub const DEVELOPMENT_MARK: [u8; HASH_BYTES] =
    *b"zkpool development key: its maker can forge proofs\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Length of the circuit's BLAKE2b hash.
const HASH_BYTES: usize = 64;

/// Length of the number of contributions, and of a length within one.
const COUNT_BYTES: usize = 4;

/// Section 10 of a development key: the mark and no contributions.
#[must_use]
pub fn development_contributions() -> Vec<u8> {
    [&DEVELOPMENT_MARK[..], &[0; COUNT_BYTES]].concat()
}

/// Whether section 10 is that of a development key.
pub(super) fn is_marked(contributions: &[u8]) -> bool {
    contributions.starts_with(&DEVELOPMENT_MARK)
}

/// Checks that section 10 is as long as the counts within it say.
pub(super) fn check<E: CircomCurve>(bytes: &[u8]) -> Result<(), Rejection> {
    let mut rest = Rest { bytes, taken: 0 };
    rest.skip(HASH_BYTES)?;
    for _ in 0..rest.count()? {
        // Delta after it, a proof of knowledge of three points, transcript, kind.
        rest.skip(3 * E::G1Affine::BYTES + E::G2Affine::BYTES + HASH_BYTES + COUNT_BYTES)?;
        let parameters = rest.count()?;
        rest.skip(parameters as usize)?;
    }
    rest.expect_end()
}

/// What of the section has not been walked over yet.
struct Rest<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl Rest<'_> {
    fn error(&self, wanted: usize) -> Rejection {
        let (expected, found) =
            ((self.taken + wanted) as u64, (self.taken + self.bytes.len()) as u64);
        Rejection::Contributions { expected, found }
    }

    fn skip(&mut self, count: usize) -> Result<(), Rejection> {
        self.bytes = self.bytes.get(count..).ok_or_else(|| self.error(count))?;
        self.taken += count;
        Ok(())
    }

    fn count(&mut self) -> Result<u32, Rejection> {
        let (count, _) = self.bytes.split_first_chunk().ok_or_else(|| self.error(COUNT_BYTES))?;
        let count = u32::from_le_bytes(*count);
        self.skip(COUNT_BYTES)?;
        Ok(count)
    }

    fn expect_end(&self) -> Result<(), Rejection> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.error(0)) }
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::Bn254;

    use super::*;

    #[test]
    fn the_section_of_a_development_key_is_well_formed() {
        let section = development_contributions();
        assert!(is_marked(&section));
        assert!(check::<Bn254>(&section).is_ok());
    }

    #[test]
    fn the_hash_of_a_circuit_is_no_mark() {
        assert!(!is_marked(&[0x5a; HASH_BYTES + COUNT_BYTES]));
    }
}
