//! Prime field elements as iden3 files store them: little-endian, in whole 64-bit limbs.

use ark_ff::{BigInt, Fp, Fp2, Fp2Config, MontBackend, MontConfig, PrimeField};

/// A prime field whose elements iden3 files store, either plain or in Montgomery form.
///
/// In Montgomery form an element v is stored as v * R mod p, where R = 2^(8 * `BYTES`). That is
/// also what arkworks keeps in memory, so such elements are copied and never converted.
pub trait FileField: PrimeField {
    /// Bytes that an element takes in a file.
    const BYTES: usize;

    /// Words that an element takes in memory.
    const WORDS: usize = Self::BYTES / size_of::<u64>();

    /// Reads an element in Montgomery form; none if the number is not below the prime.
    fn from_montgomery(bytes: &[u8]) -> Option<Self>;

    /// Writes the element in Montgomery form over `out`, which is `BYTES` long.
    fn write_montgomery(&self, out: &mut [u8]);

    /// The element in Montgomery form in these words, which were checked before. Nothing is
    /// computed; missing words are zero.
    fn from_montgomery_words(words: &[u64]) -> Self;

    /// Writes the element in Montgomery form over `out`, least significant word first.
    fn write_montgomery_words(&self, out: &mut [u64]);

    /// Reads a plain number; none if it is not below the prime.
    fn from_plain(bytes: &[u8]) -> Option<Self>;

    /// Writes the element as a plain number over `out`, which is `BYTES` long.
    fn write_plain(&self, out: &mut [u8]);

    /// The element times R.
    #[must_use]
    fn times_r(self) -> Self;

    /// The element divided by R.
    #[must_use]
    fn over_r(self) -> Self;

    /// The prime, as files store it.
    #[must_use]
    fn prime() -> Vec<u8> {
        let mut bytes = vec![0; Self::BYTES];
        write_limbs(Self::MODULUS.as_ref(), &mut bytes);
        bytes
    }
}

impl<P: MontConfig<N>, const N: usize> FileField for Fp<MontBackend<P, N>, N> {
    const BYTES: usize = 8 * N;

    fn from_montgomery(bytes: &[u8]) -> Option<Self> {
        let limbs = read_limbs(bytes);
        // Arkworks computes with any limbs it is handed, so an element that is not reduced would
        // be silently wrong from here on.
        (limbs < P::MODULUS).then(|| Self::new_unchecked(limbs))
    }

    fn write_montgomery(&self, out: &mut [u8]) {
        write_limbs(&self.0.0, out);
    }

    fn from_montgomery_words(words: &[u64]) -> Self {
        Self::new_unchecked(BigInt(words.first_chunk().copied().unwrap_or([0; N])))
    }

    fn write_montgomery_words(&self, out: &mut [u64]) {
        for (word, limb) in out.iter_mut().zip(self.0.0) {
            *word = limb;
        }
    }

    fn from_plain(bytes: &[u8]) -> Option<Self> {
        Self::from_bigint(read_limbs(bytes))
    }

    fn write_plain(&self, out: &mut [u8]) {
        write_limbs(&self.into_bigint().0, out);
    }

    fn times_r(self) -> Self {
        self * Self::new_unchecked(P::R2)
    }

    fn over_r(self) -> Self {
        // The limbs of the number 1 stand for the element 1/R.
        self * Self::new_unchecked(BigInt::one())
    }
}

/// The first N limbs of `bytes`; missing ones are zero.
fn read_limbs<const N: usize>(bytes: &[u8]) -> BigInt<N> {
    let mut limbs = [0; N];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    BigInt(limbs)
}

fn write_limbs(limbs: &[u64], out: &mut [u8]) {
    for (limb, chunk) in limbs.iter().zip(out.as_chunks_mut::<8>().0) {
        *chunk = limb.to_le_bytes();
    }
}

/// A coordinate of a point: an element of the base field or of its quadratic extension.
pub trait Coordinate: Sized {
    /// Bytes that a coordinate takes in a file.
    const BYTES: usize;

    /// Reads a coordinate in Montgomery form; none if it is not reduced.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Writes the coordinate in Montgomery form over `out`, which is `BYTES` long.
    fn write(&self, out: &mut [u8]);

    /// The coordinate in these words, which were checked before.
    fn from_words(words: &[u64]) -> Self;

    /// Writes the coordinate in Montgomery form over `out`, least significant word first.
    fn write_words(&self, out: &mut [u64]);
}

impl<P: MontConfig<N>, const N: usize> Coordinate for Fp<MontBackend<P, N>, N> {
    const BYTES: usize = <Self as FileField>::BYTES;

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_montgomery(bytes)
    }

    fn write(&self, out: &mut [u8]) {
        self.write_montgomery(out);
    }

    fn from_words(words: &[u64]) -> Self {
        Self::from_montgomery_words(words)
    }

    fn write_words(&self, out: &mut [u64]) {
        self.write_montgomery_words(out);
    }
}

impl<P: Fp2Config<Fp: FileField>> Coordinate for Fp2<P> {
    const BYTES: usize = 2 * P::Fp::BYTES;

    fn read(bytes: &[u8]) -> Option<Self> {
        let (c0, c1) = bytes.split_at_checked(P::Fp::BYTES)?;
        Some(Self::new(P::Fp::from_montgomery(c0)?, P::Fp::from_montgomery(c1)?))
    }

    fn write(&self, out: &mut [u8]) {
        let (c0, c1) = out.split_at_mut(P::Fp::BYTES);
        self.c0.write_montgomery(c0);
        self.c1.write_montgomery(c1);
    }

    fn from_words(words: &[u64]) -> Self {
        let (c0, c1) = words.split_at(words.len() / 2);
        Self::new(P::Fp::from_montgomery_words(c0), P::Fp::from_montgomery_words(c1))
    }

    fn write_words(&self, out: &mut [u64]) {
        let (c0, c1) = out.split_at_mut(out.len() / 2);
        self.c0.write_montgomery_words(c0);
        self.c1.write_montgomery_words(c1);
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use ark_ff::{Field, One};

    use super::*;

    #[test]
    fn r_is_two_to_the_width() {
        assert_eq!(Fr::one().times_r(), Fr::from(2u64).pow([256]));
        assert_eq!(Fr::from(7u64).times_r().over_r(), Fr::from(7u64));
    }

    #[test]
    fn the_prime_itself_is_rejected_in_both_forms() {
        assert_eq!(Fr::from_montgomery(&Fr::prime()), None);
        assert_eq!(Fr::from_plain(&Fr::prime()), None);
    }

    #[test]
    fn both_forms_read_back_as_written() {
        let value = Fr::from(0x1234_5678_9abc_def0_u64).square();
        let mut bytes = [0; 32];
        value.write_plain(&mut bytes);
        assert_eq!(Fr::from_plain(&bytes), Some(value));
        value.write_montgomery(&mut bytes);
        assert_eq!(Fr::from_montgomery(&bytes), Some(value));
    }
}
