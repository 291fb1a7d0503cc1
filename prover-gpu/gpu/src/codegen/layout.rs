//! How a residue lies in registers and in memory.

use num_bigint::BigUint;

/// Products summed in a column at most: four by the operands and one by the reduction, for each
/// limb.
const PRODUCTS_PER_LIMB_MAX: u64 = 5;

/// R, the Montgomery radix, is at least this power of two times the modulus. Products of values
/// that were not reduced are then small multiples of the modulus again.
const SLACK_BITS: u64 = 6;

/// Limbs have at least three bits less than a word, for sums of eight of them.
const LIMB_BITS_MAX: u32 = 29;

/// The type in which products of limbs are summed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) enum Column {
    /// Needs 64-bit integers in shaders.
    U64,
    /// Runs on every adapter.
    U32,
}

impl Column {
    const fn bits(self) -> u32 {
        match self {
            Self::U64 => 64,
            Self::U32 => 32,
        }
    }

    /// Its name in WGSL.
    pub(crate) const fn wgsl(self) -> &'static str {
        match self {
            Self::U64 => "u64",
            Self::U32 => "u32",
        }
    }
}

/// The limbs of residues modulo a prime, in Montgomery form with R = 2^(`limbs` * `limb_bits`).
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Layout {
    pub(crate) modulus: BigUint,
    pub(crate) column: Column,
    pub(crate) limbs: usize,
    pub(crate) limb_bits: u32,
    /// Length of a residue in memory, in 32-bit words: a multiple of four.
    pub(crate) words: usize,
}

impl Layout {
    /// The layout with the widest limbs for which no column overflows: 9 limbs of 29 bits for
    /// the 254 bits of BN254, 14 of 28 for the 381 bits of BLS12-381, 22 and 33 of 12 without
    /// 64-bit integers.
    pub(crate) fn new(modulus: BigUint, column: Column) -> Self {
        let bits = modulus.bits() + SLACK_BITS;
        let limbs = |limb_bits: u32| bits.div_ceil(u64::from(limb_bits));
        let fits = |&limb_bits: &u32| {
            let products = u128::from(PRODUCTS_PER_LIMB_MAX * limbs(limb_bits));
            let column_max = 1_u128 << column.bits();
            // Besides the products a column takes the carry of the one below it.
            products * (1 << (2 * limb_bits)) + (column_max >> limb_bits) < column_max
        };
        let limb_bits = (1..=LIMB_BITS_MAX).rev().find(fits).unwrap_or(1);
        let words = modulus.bits().div_ceil(128) as usize * 4;
        Self { limbs: limbs(limb_bits) as usize, modulus, column, limb_bits, words }
    }

    /// log2 of the Montgomery radix.
    pub(crate) const fn radix_bits(&self) -> usize {
        self.limbs * self.limb_bits as usize
    }

    /// A limb with all bits set.
    pub(crate) const fn mask(&self) -> u32 {
        (1 << self.limb_bits) - 1
    }

    /// R over the modulus, rounded down a little.
    pub(crate) fn ratio(&self) -> f64 {
        quotient(self.radix_bits(), &self.modulus)
    }

    /// The first multiple of the modulus that does not fit into memory, rounded down a little.
    pub(crate) fn capacity(&self) -> f64 {
        quotient(32 * self.words, &self.modulus)
    }

    /// `value`, which must fit, limb by limb from the lowest; the highest takes what is left.
    pub(crate) fn split(&self, value: &BigUint) -> Vec<u32> {
        let mask = BigUint::from(self.mask());
        let limb = |i: usize| {
            let rest = value >> (i * self.limb_bits as usize);
            let limb = if i + 1 == self.limbs { rest } else { rest & &mask };
            limb.to_u32_digits().first().copied().unwrap_or(0)
        };
        (0..self.limbs).map(limb).collect()
    }

    /// -1 / modulus modulo 2^`limb_bits`.
    pub(crate) fn negated_inverse(&self) -> u32 {
        let low = self.modulus.to_u32_digits().first().copied().unwrap_or(1);
        // Newton's iteration doubles the number of right bits, from the three of 1 / x = x.
        let inverse =
            (0..4).fold(low, |x, _| x.wrapping_mul(2_u32.wrapping_sub(low.wrapping_mul(x))));
        inverse.wrapping_neg() & self.mask()
    }

    /// Multiplications of limbs in a sum of so many products and its reduction.
    pub(crate) const fn products(&self, products: u64) -> u64 {
        let n = self.limbs as u64;
        products * n * n + n * n + n
    }

    /// Multiplications of limbs in a square and its reduction.
    pub(crate) const fn square_products(&self) -> u64 {
        let n = self.limbs as u64;
        n * (n + 1) / 2 + n * n + n
    }

    /// 2^`exponent` modulo the modulus.
    pub(crate) fn power_of_two(&self, exponent: usize) -> BigUint {
        BigUint::from(2_u32).modpow(&BigUint::from(exponent), &self.modulus)
    }
}

/// 2^`bits` / `modulus`, from the 53 highest bits of the modulus, rounded up.
fn quotient(bits: usize, modulus: &BigUint) -> f64 {
    let shift = (modulus.bits() as usize).saturating_sub(53);
    let high = (modulus >> shift) + 1_u32;
    let high = high.to_u64_digits().first().copied().unwrap_or(1);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_wrap,
        clippy::cast_possible_truncation
    )]
    let quotient = ((bits - shift) as f64).exp2() / high as f64;
    quotient
}

#[cfg(test)]
mod tests {
    use ark_ff::PrimeField;

    use super::*;

    fn layout<F: PrimeField>(column: Column) -> (usize, u32, usize) {
        let layout = Layout::new(F::MODULUS.into(), column);
        (layout.limbs, layout.limb_bits, layout.words)
    }

    #[test]
    fn the_fields_of_both_curves_get_the_widest_limbs() {
        assert_eq!(layout::<ark_bn254::Fq>(Column::U64), (9, 29, 8));
        assert_eq!(layout::<ark_bls12_381::Fr>(Column::U64), (9, 29, 8));
        assert_eq!(layout::<ark_bls12_381::Fq>(Column::U64), (14, 28, 12));
        assert_eq!(layout::<ark_bn254::Fq>(Column::U32), (22, 12, 8));
        assert_eq!(layout::<ark_bls12_381::Fq>(Column::U32), (33, 12, 12));
    }

    #[test]
    fn the_negated_inverse_cancels_the_lowest_limb() {
        for column in [Column::U64, Column::U32] {
            let layout = Layout::new(ark_bls12_381::Fq::MODULUS.into(), column);
            let low = layout.split(&layout.modulus)[0];
            let product = u64::from(low) * u64::from(layout.negated_inverse()) + 1;
            assert_eq!(product & u64::from(layout.mask()), 0);
        }
    }
}
