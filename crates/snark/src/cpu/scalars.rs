//! Scalars in the form in which multi-scalar multiplications read them.

use ark_ff::{BigInteger, PrimeField};
use rayon::prelude::*;

/// A scalar as a sign and an integer of at most half the modulus, so that -1 is as short as 1.
#[derive(Clone, Copy)]
struct Signed<B> {
    magnitude: B,
    negative: bool,
}

/// Scalars with their integers taken out of Montgomery form and ordered by length.
///
/// Built once and read by every multiplication with the same scalars.
pub struct CpuScalars<F: PrimeField> {
    values: Vec<Signed<F::BigInt>>,
    /// Positions of the non-zero scalars, the longest first and in order within one length.
    by_length: Vec<u32>,
    /// `longer[b]` scalars have more than `b` bits; they come first in `by_length`.
    longer: Vec<usize>,
}

impl<F: PrimeField> CpuScalars<F> {
    /// Takes in field elements.
    #[must_use]
    pub fn new(elements: &[F]) -> Self {
        let values: Vec<_> = elements.par_iter().with_min_len(1024).map(signed).collect();
        let lengths: Vec<u32> =
            values.par_iter().with_min_len(1024).map(|v| v.magnitude.num_bits()).collect();
        let longer = count_longer(&lengths, F::MODULUS_BIT_SIZE);
        let by_length = sort_by_length(&lengths, &longer);
        Self { values, by_length, longer }
    }

    /// How many scalars there are, zeros included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Length of the longest magnitude in bits.
    pub(crate) fn bits_max(&self) -> usize {
        self.longer.iter().take_while(|count| **count > 0).count()
    }

    /// How many scalars have more than `bits` bits.
    pub(crate) fn longer_than(&self, bits: usize) -> usize {
        self.longer.get(bits).copied().unwrap_or(0)
    }

    /// Positions of the scalars that have more than `bits` bits.
    pub(crate) fn positions_longer_than(&self, bits: usize) -> &[u32] {
        self.by_length.get(..self.longer_than(bits)).unwrap_or(&[])
    }

    /// Digit `window` of the scalar at `position` in Booth's signed base 2^`width`, between
    /// -2^(width-1) and 2^(width-1).
    ///
    /// It depends on the `width` bits of the window and the one below them, so that windows
    /// can be read in any order.
    #[inline]
    pub(crate) fn digit(&self, position: u32, window: usize, width: usize) -> i32 {
        let Some(Signed { magnitude, negative }) = self.values.get(position as usize) else {
            return 0;
        };
        let bits = bits_with_one_below(magnitude.as_ref(), window * width, width);
        let carry = (bits >> width) << width;
        let digit = ((bits + 1) >> 1) - carry;
        if *negative { -digit } else { digit }
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
    // `width` is at most WIDTH_MAX bits, far below 31.
    #[allow(clippy::cast_possible_truncation)]
    let bits = (bits & mask) as i32;
    bits
}

fn signed<F: PrimeField>(element: &F) -> Signed<F::BigInt> {
    let magnitude = element.into_bigint();
    let negative = magnitude > F::MODULUS_MINUS_ONE_DIV_TWO;
    if !negative {
        return Signed { magnitude, negative };
    }
    let mut complement = F::MODULUS;
    complement.sub_with_borrow(&magnitude);
    Signed { magnitude: complement, negative }
}

fn count_longer(lengths: &[u32], bits: u32) -> Vec<usize> {
    let mut longer = vec![0; bits as usize + 1];
    for slot in lengths.iter().filter_map(|length| length.checked_sub(1)) {
        if let Some(count) = longer.get_mut(slot as usize) {
            *count += 1;
        }
    }
    // So far `longer[b]` counts the lengths of exactly b + 1 bits.
    let mut total = 0;
    for count in longer.iter_mut().rev() {
        total += *count;
        *count = total;
    }
    longer
}

fn sort_by_length(lengths: &[u32], longer: &[usize]) -> Vec<u32> {
    let mut by_length = vec![0; longer.first().copied().unwrap_or(0)];
    let mut next = longer.to_vec();
    for (position, length) in (0_u32..).zip(lengths).filter(|(_, length)| **length > 0) {
        // The scalars of `length` bits come after those that have more than `length` bits.
        let Some(slot) = next.get_mut(*length as usize) else { continue };
        if let Some(place) = by_length.get_mut(*slot) {
            *place = position;
        }
        *slot += 1;
    }
    by_length
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::Fr;
    use ark_ff::{Field, UniformRand, Zero};
    use ark_std::test_rng;

    fn samples() -> Vec<Fr> {
        let rng = &mut test_rng();
        let mut samples = vec![Fr::zero(), Fr::from(1), -Fr::from(1), Fr::from(255), Fr::from(256)];
        samples.extend([Fr::from(u64::MAX), -Fr::from(u64::MAX), Fr::from(2).inverse().unwrap()]);
        samples.extend((0..20).map(|_| Fr::rand(rng)));
        samples
    }

    #[test]
    fn digits_of_every_width_sum_to_the_scalar() {
        let samples = samples();
        let scalars = CpuScalars::new(&samples);
        for width in 2..=16 {
            for (position, sample) in (0_u32..).zip(&samples) {
                let windows = 256_usize.div_ceil(width);
                let value = (0..windows).rev().fold(Fr::zero(), |value, window| {
                    let digit = i64::from(scalars.digit(position, window, width));
                    value * Fr::from(1_u64 << width) + Fr::from(digit)
                });
                assert_eq!(value, *sample, "width {width}");
            }
        }
    }

    #[test]
    fn order_is_by_length_and_leaves_zeros_out() {
        let scalars =
            CpuScalars::new(&[Fr::zero(), Fr::from(1), Fr::from(300), -Fr::from(1), Fr::from(4)]);
        assert_eq!(scalars.positions_longer_than(0), [2, 4, 1, 3]);
        assert_eq!(scalars.positions_longer_than(1), [2, 4]);
        assert_eq!(scalars.positions_longer_than(9), [0_u32; 0]);
        assert_eq!(scalars.bits_max(), 9);
    }
}
