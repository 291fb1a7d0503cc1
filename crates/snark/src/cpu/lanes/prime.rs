//! Arithmetic modulo a prime, eight elements at a time.
//!
//! An element v is held as v R mod p with R = 2^(52 N), in N limbs of 52 bits, and need not be
//! below p: products are below p + a b / R for operands a and b, and R is at least 35 times p, so
//! that sums and differences go into the next product as they are. Each function says what it
//! takes and returns as multiples of p.

use std::arch::x86_64::__m512i;

use super::Ifma;

/// Bits of a limb.
pub(super) const LIMB_BITS: u32 = 52;

const MASK: u64 = (1 << LIMB_BITS) - 1;

/// Twice the limbs of the largest prime: the columns of a product.
const COLUMNS_MAX: usize = 16;

/// How far the top limb of a sum may stand above that of its value, for carries that are still to
/// be taken from it.
const BORROWS_MAX: i64 = 8;

/// A prime, and what reducing by it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prime<const N: usize> {
    limbs: [u64; N],
    /// R - p.
    complement: [u64; N],
    /// -1/p modulo 2^52.
    inverse: u64,
    /// R / p, rounded down.
    quotient: u64,
}

/// Eight integers of N limbs.
pub(crate) type Limbs<const N: usize> = [__m512i; N];

/// Sums of products of limbs, by weight; those from 2 N on are not used.
type Columns = [__m512i; COLUMNS_MAX];

impl<const N: usize> Prime<N> {
    /// The prime with these 64-bit words.
    pub(super) const fn new<const W: usize>(words: &[u64; W]) -> Self {
        let limbs = limbs_of(words);
        let quotient = quotient(&limbs);
        Self { limbs, complement: complement(&limbs), inverse: inverse(limbs[0]), quotient }
    }

    /// R modulo p.
    pub(super) const fn unit(&self) -> [u64; N] {
        complement(&self.multiple(self.quotient))
    }

    /// `factor` times the prime, in limbs.
    // A limb is the low part of its column.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) const fn multiple(&self, factor: u64) -> [u64; N] {
        let mut limbs = [0; N];
        let mut carry = 0_u128;
        let mut i = 0;
        while i < N {
            carry += self.limbs[i] as u128 * factor as u128;
            limbs[i] = carry as u64 & MASK;
            carry >>= LIMB_BITS;
            i += 1;
        }
        limbs
    }
}

pub(super) const fn limbs_of<const W: usize, const N: usize>(words: &[u64; W]) -> [u64; N] {
    let mut limbs = [0; N];
    let mut i = 0;
    while i < N {
        let bit = i * LIMB_BITS as usize;
        let (word, shift) = (bit / 64, bit % 64);
        let low = if word < W { words[word] >> shift } else { 0 };
        let high = if word + 1 < W && shift > 0 { words[word + 1] << (64 - shift) } else { 0 };
        limbs[i] = (low | high) & MASK;
        i += 1;
    }
    limbs
}

/// -1/`limb` modulo 2^52 for an odd limb, by Newton's iteration.
const fn inverse(limb: u64) -> u64 {
    let mut inverse = 1_u64;
    let mut bits = 1;
    while bits < 64 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(limb.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse.wrapping_neg() & MASK
}

/// R less a number whose lowest limb is not zero.
const fn complement<const N: usize>(limbs: &[u64; N]) -> [u64; N] {
    let mut result = [0; N];
    result[0] = (1 << LIMB_BITS) - limbs[0];
    let mut i = 1;
    while i < N {
        result[i] = MASK - limbs[i];
        i += 1;
    }
    result
}

/// R / p, rounded down: the largest q for which q p does not exceed R.
const fn quotient<const N: usize>(limbs: &[u64; N]) -> u64 {
    let mut quotient = 0;
    let mut bit = 1_u64 << (LIMB_BITS - 1);
    while bit > 0 {
        if fits(limbs, quotient | bit) {
            quotient |= bit;
        }
        bit >>= 1;
    }
    quotient
}

/// Whether `factor` times the number fits N limbs.
const fn fits<const N: usize>(limbs: &[u64; N], factor: u64) -> bool {
    let mut carry = 0_u128;
    let mut i = 0;
    while i < N {
        carry = (carry + limbs[i] as u128 * factor as u128) >> LIMB_BITS;
        i += 1;
    }
    carry == 0
}

impl Ifma {
    #[inline(always)]
    pub(super) fn splat(self, value: u64) -> __m512i {
        self.avx512f._mm512_set1_epi64(value.cast_signed())
    }

    #[inline(always)]
    fn zero(self) -> __m512i {
        self.avx512f._mm512_setzero_si512()
    }

    #[inline(always)]
    fn mask(self) -> __m512i {
        self.splat(MASK)
    }

    #[inline(always)]
    fn plus(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_add_epi64(a, b)
    }

    #[inline(always)]
    fn minus(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_sub_epi64(a, b)
    }

    #[inline(always)]
    fn add_low(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        self.avx512ifma._mm512_madd52lo_epu64(sum, a, b)
    }

    #[inline(always)]
    fn add_high(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        self.avx512ifma._mm512_madd52hi_epu64(sum, a, b)
    }

    /// The same integer in every lane.
    #[inline(always)]
    pub(super) fn limbs<const N: usize>(self, limbs: &[u64; N]) -> Limbs<N> {
        let mut lanes = [self.zero(); N];
        for (lane, limb) in lanes.iter_mut().zip(limbs) {
            *lane = self.splat(*limb);
        }
        lanes
    }

    /// a + b, limb by limb and without carries.
    #[inline(always)]
    pub(super) fn sum<const N: usize>(self, a: &Limbs<N>, b: &Limbs<N>) -> Limbs<N> {
        let mut sum = *a;
        for (sum, b) in sum.iter_mut().zip(b) {
            *sum = self.plus(*sum, *b);
        }
        sum
    }

    /// a - b, limb by limb and without carries.
    #[inline(always)]
    pub(super) fn difference<const N: usize>(self, a: &Limbs<N>, b: &Limbs<N>) -> Limbs<N> {
        let mut difference = *a;
        for (difference, b) in difference.iter_mut().zip(b) {
            *difference = self.minus(*difference, *b);
        }
        difference
    }

    /// The integer `value` in some lanes, and a in the others.
    #[inline(always)]
    pub(super) fn replace<const N: usize>(self, lanes: u8, value: u64, a: &Limbs<N>) -> Limbs<N> {
        let mut replaced = *a;
        for (i, limb) in replaced.iter_mut().enumerate() {
            let value = self.splat(if i == 0 { value } else { 0 });
            *limb = self.avx512f._mm512_mask_blend_epi64(lanes, *limb, value);
        }
        replaced
    }

    /// `multiple` - a in some lanes and a in the others, without carries.
    #[inline(always)]
    pub(super) fn negate_in<const N: usize>(
        self,
        lanes: u8,
        multiple: &[u64; N],
        a: &Limbs<N>,
    ) -> Limbs<N> {
        let mut negated = *a;
        for (limb, multiple) in negated.iter_mut().zip(multiple) {
            let multiple = self.splat(*multiple);
            *limb = self.avx512f._mm512_mask_sub_epi64(*limb, lanes, multiple, *limb);
        }
        negated
    }

    /// Lanes in which a has this lowest limb.
    #[inline(always)]
    pub(super) fn lowest_is<const N: usize>(self, a: &Limbs<N>, lowest: u64) -> u8 {
        self.avx512f._mm512_cmpeq_epi64_mask(a[0], self.splat(lowest))
    }

    /// An integer below 2 p less p, where it is not below p. Limbs of 52 bits.
    #[inline(always)]
    pub(super) fn canonical<const N: usize>(self, p: &Prime<N>, a: &Limbs<N>) -> Limbs<N> {
        let less = self.carry(self.difference(a, &self.limbs(&p.limbs)));
        let negative = self.avx512f._mm512_cmplt_epi64_mask(less[N - 1], self.zero());
        let mut canonical = less;
        for (canonical, a) in canonical.iter_mut().zip(a) {
            *canonical = self.avx512f._mm512_mask_blend_epi64(negative, *canonical, *a);
        }
        canonical
    }

    /// Brings signed limbs of an integer from 0 to R back to 52 bits.
    #[inline(always)]
    pub(super) fn carry<const N: usize>(self, mut a: Limbs<N>) -> Limbs<N> {
        for i in 0..N - 1 {
            let carry = self.avx512f._mm512_srai_epi64::<LIMB_BITS>(a[i]);
            a[i + 1] = self.plus(a[i + 1], carry);
            a[i] = self.avx512f._mm512_and_si512(a[i], self.mask());
        }
        a
    }

    /// The same residue below 1.3 p, with its limbs at 52 bits. Signed limbs, of an integer from
    /// p to R - p.
    #[inline(always)]
    pub(super) fn reduce<const N: usize>(self, p: &Prime<N>, a: Limbs<N>) -> Limbs<N> {
        // What the top limb says is rounded down in every step: R / p, the product, and the limb,
        // from which carries are still to be taken. The quotient is never too large, and too
        // small by less than 0.3 + 1.
        let top = self.minus(a[N - 1], self.splat(BORROWS_MAX.cast_unsigned()));
        let quotient = self.add_high(self.zero(), top, self.splat(p.quotient));
        let mut reduced = a;
        for i in 0..N {
            // Adding R - p subtracts p, but for a multiple of R above the limbs.
            let complement = self.splat(p.complement[i]);
            reduced[i] = self.add_low(reduced[i], quotient, complement);
            if i + 1 < N {
                reduced[i + 1] = self.add_high(reduced[i + 1], quotient, complement);
            }
        }
        let mut carried = self.carry(reduced);
        carried[N - 1] = self.avx512f._mm512_and_si512(carried[N - 1], self.mask());
        carried
    }

    /// a b / R, at most p more than the quotient of integers. Limbs of 52 bits.
    #[inline(always)]
    pub(super) fn mul<const N: usize>(self, p: &Prime<N>, a: &Limbs<N>, b: &Limbs<N>) -> Limbs<N> {
        let mut columns = [self.zero(); COLUMNS_MAX];
        self.add_product(&mut columns, a, b);
        self.divide(p, columns)
    }

    /// (a b + c d) / R, at most p more than the quotient of integers. Limbs of 52 bits.
    #[inline(always)]
    pub(super) fn mul_sum<const N: usize>(
        self,
        p: &Prime<N>,
        [a, b]: [&Limbs<N>; 2],
        [c, d]: [&Limbs<N>; 2],
    ) -> Limbs<N> {
        let mut columns = [self.zero(); COLUMNS_MAX];
        self.add_product(&mut columns, a, b);
        self.add_product(&mut columns, c, d);
        self.divide(p, columns)
    }

    /// a a / R, at most p more than the quotient of integers. Limbs of 52 bits.
    #[inline(always)]
    pub(super) fn square<const N: usize>(self, p: &Prime<N>, a: &Limbs<N>) -> Limbs<N> {
        let mut columns = [self.zero(); COLUMNS_MAX];
        for i in 0..N {
            for j in i + 1..N {
                columns[i + j] = self.add_low(columns[i + j], a[i], a[j]);
                columns[i + j + 1] = self.add_high(columns[i + j + 1], a[i], a[j]);
            }
        }
        for column in columns.iter_mut().take(2 * N) {
            *column = self.plus(*column, *column);
        }
        for i in 0..N {
            columns[2 * i] = self.add_low(columns[2 * i], a[i], a[i]);
            columns[2 * i + 1] = self.add_high(columns[2 * i + 1], a[i], a[i]);
        }
        self.divide(p, columns)
    }

    #[inline(always)]
    fn add_product<const N: usize>(self, columns: &mut Columns, a: &Limbs<N>, b: &Limbs<N>) {
        for i in 0..N {
            for j in 0..N {
                columns[i + j] = self.add_low(columns[i + j], a[i], b[j]);
                columns[i + j + 1] = self.add_high(columns[i + j + 1], a[i], b[j]);
            }
        }
    }

    /// The columns over R modulo p (Montgomery's reduction, a limb at a time). At most four
    /// products of eight limbs leave room for it: 64 + 16 halves of 52 bits make 59.
    #[inline(always)]
    fn divide<const N: usize>(self, p: &Prime<N>, mut columns: Columns) -> Limbs<N> {
        for i in 0..N {
            let factor = self.add_low(self.zero(), columns[i], self.splat(p.inverse));
            for j in 0..N {
                let limb = self.splat(p.limbs[j]);
                columns[i + j] = self.add_low(columns[i + j], factor, limb);
                columns[i + j + 1] = self.add_high(columns[i + j + 1], factor, limb);
            }
            let carry = self.avx512f._mm512_srli_epi64::<LIMB_BITS>(columns[i]);
            columns[i + 1] = self.plus(columns[i + 1], carry);
        }
        let mut quotient = [self.zero(); N];
        quotient.copy_from_slice(&columns[N..2 * N]);
        self.carry(quotient)
    }
}
