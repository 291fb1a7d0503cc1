//! Scalars as signed digits.

use ark_ff::{BigInteger, PrimeField};

/// A scalar as a sign and an integer of at most half the modulus, so that -1 is as short as 1.
#[derive(Clone, Copy)]
pub(crate) struct Signed<B> {
    pub(crate) magnitude: B,
    pub(crate) negative: bool,
}

impl<B: BigInteger> Signed<B> {
    /// Takes in a residue below the modulus of its field.
    #[inline]
    pub(crate) fn new<F: PrimeField<BigInt = B>>(residue: B) -> Self {
        if residue <= F::MODULUS_MINUS_ONE_DIV_TWO {
            return Self { magnitude: residue, negative: false };
        }
        let mut complement = F::MODULUS;
        complement.sub_with_borrow(&residue);
        Self { magnitude: complement, negative: true }
    }

    /// Digit `window` in Booth's signed base 2^`width`, between -2^(width-1) and 2^(width-1).
    ///
    /// It depends on the `width` bits of the window and the one below them, so that windows
    /// can be read in any order.
    #[inline]
    pub(crate) fn digit(&self, window: usize, width: usize) -> i32 {
        let bits = bits_with_one_below(self.magnitude.as_ref(), window * width, width);
        let carry = (bits >> width) << width;
        let digit = ((bits + 1) >> 1) - carry;
        if self.negative { -digit } else { digit }
    }
}

/// The `width` bits from bit `start` on, above the one bit below `start`. At most 30 bits.
#[inline]
fn bits_with_one_below(limbs: &[u64], start: usize, width: usize) -> i32 {
    let limb = |i: usize| limbs.get(i).copied().unwrap_or(0);
    let bits = if start == 0 {
        limb(0) << 1
    } else {
        let (word, shift) = ((start - 1) / 64, (start - 1) % 64);
        // Shifting in two steps keeps each shift below 64.
        (limb(word) >> shift) | ((limb(word + 1) << 1) << (63 - shift))
    };
    let mask = (1_u64 << (width + 1)) - 1;
    // `width` is at most 16 bits, far below 31.
    #[allow(clippy::cast_possible_truncation)]
    let bits = (bits & mask) as i32;
    bits
}

#[cfg(test)]
mod tests {
    use ark_bls12_381::Fr;
    use ark_ff::{Field, UniformRand, Zero};
    use ark_std::test_rng;

    use super::*;

    fn samples() -> Vec<Fr> {
        let rng = &mut test_rng();
        let mut samples = vec![Fr::zero(), Fr::from(1), -Fr::from(1), Fr::from(255), Fr::from(256)];
        samples.extend([Fr::from(u64::MAX), -Fr::from(u64::MAX), Fr::from(2).inverse().unwrap()]);
        samples.extend((0..20).map(|_| Fr::rand(rng)));
        samples
    }

    #[test]
    fn digits_of_every_width_sum_to_the_scalar() {
        for width in 2..=16 {
            for sample in samples() {
                let signed = Signed::new::<Fr>(sample.into_bigint());
                let windows = 256_usize.div_ceil(width);
                let value = (0..windows).rev().fold(Fr::zero(), |value, window| {
                    let digit = i64::from(signed.digit(window, width));
                    value * Fr::from(1_u64 << width) + Fr::from(digit)
                });
                assert_eq!(value, sample, "width {width}");
            }
        }
    }
}
