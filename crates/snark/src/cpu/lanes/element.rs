//! Elements of a field and of its quadratic extension in lanes.

use std::arch::x86_64::__m512i;

use ark_ff::{
    AdditiveGroup, BigInt, BigInteger, Field, Fp, Fp2, Fp2Config, MontBackend, MontConfig,
    PrimeField,
};

use super::Ifma;
use super::prime::{LIMB_BITS, Limbs, Prime, limbs_of};

/// Words that are moved at a time.
const BLOCK: usize = 4;

/// What small elements are below, in primes.
const SMALL_MAX: u64 = 5;

/// A field whose elements fit the lanes.
///
/// An element *as loaded* is the integer that arkworks holds for it times 2^S, where 2^S is the
/// quotient of the two R of Montgomery's form: an integer below 2^S p, with S = 4 for primes of 4
/// words and S = 32 for those of 6. A *small* one is below 5 p. That is what every product is of
/// which one factor is small and the other a difference of two elements as loaded: R / p is at
/// least 84 for 4 words and 2^35 for 6, so that not even in the extension, where two products
/// are added, there is more than (5 + 5) 32 p / 84 + p. A *reduced* one is below 1.3 p and takes
/// no more words than arkworks' form does.
pub(crate) trait LaneField: Field {
    /// Eight elements, one in each lane.
    type Lanes: Copy + Send + Sync;

    /// Zero, small.
    fn zero(simd: Ifma) -> Self::Lanes;

    /// Takes elements over, as loaded.
    fn load(simd: Ifma, elements: [&Self; 8]) -> Self::Lanes;

    /// Takes elements over from the words that begin at `starts`: as loaded from arkworks' form, or
    /// reduced as [`LaneField::store_words`] left them.
    fn load_words(simd: Ifma, words: &[u64], starts: &Starts, form: Form) -> Self::Lanes;

    /// Writes reduced elements over the words that begin at `starts`.
    fn store_words(simd: Ifma, elements: &Self::Lanes, words: &mut [u64], starts: &Starts);

    /// The element that [`LaneField::store_words`] left in some words.
    fn decode(words: &[u64]) -> Self;

    /// Leaves an element in some words as [`LaneField::store_words`] does.
    fn encode(&self, words: &mut [u64]);

    /// Gives elements back, of less than half of R.
    fn store(simd: Ifma, lanes: &Self::Lanes) -> [Self; 8];

    /// The same elements, small.
    fn shrink(simd: Ifma, loaded: &Self::Lanes) -> Self::Lanes;

    /// The product of a small element and a small one or a difference; it is small.
    fn mul(simd: Ifma, small: &Self::Lanes, other: &Self::Lanes) -> Self::Lanes;

    /// The square of a small element; it is small.
    fn square(simd: Ifma, small: &Self::Lanes) -> Self::Lanes;

    /// a - b for elements as loaded or small ones; it is below 2^(S + 1) p, or 2^S p + 5 p.
    fn difference(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes;

    /// -a in some lanes and a in the others, as loaded. What is as loaded may be subtracted only.
    fn negate_loaded(simd: Ifma, lanes: u8, a: &Self::Lanes) -> Self::Lanes;

    /// a - b for a small element and one as loaded; it is reduced.
    fn subtract(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes;

    /// a - b - c for a small element and two as loaded; it is reduced.
    fn subtract_both(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes, c: &Self::Lanes) -> Self::Lanes;

    /// Lanes in which the difference of two elements as loaded, or two reduced ones, may be zero.
    /// One that is zero always shows, others hardly ever.
    fn may_be_zero(simd: Ifma, difference: &Self::Lanes) -> u8;

    /// Lanes in which the integer of an element may be 0, shown likewise.
    fn may_be_null(simd: Ifma, element: &Self::Lanes) -> u8;

    /// Some element other than zero in some lanes.
    fn replace(simd: Ifma, lanes: u8, elements: &Self::Lanes) -> Self::Lanes;
}

/// Where each lane's element begins, in words.
pub(crate) type Starts = [usize; 8];

/// What elements in words stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As arkworks holds them.
    Arkworks,
    /// Reduced, in the form of the lanes.
    Lanes,
}

/// A prime field whose elements fit the lanes.
pub(crate) trait LanePrime: LaneField {
    /// Words that an element takes.
    const WORDS: usize;

    /// a + b, for small elements.
    fn sum(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes;

    /// a - b, for small elements.
    fn small_difference(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes;

    /// -a, small for a small a.
    fn negate(simd: Ifma, a: &Self::Lanes) -> Self::Lanes;

    /// The sum of two products.
    fn mul_sum(simd: Ifma, ab: [&Self::Lanes; 2], cd: [&Self::Lanes; 2]) -> Self::Lanes;

    /// The integer `value` in some lanes.
    fn replace_by(simd: Ifma, lanes: u8, value: u64, elements: &Self::Lanes) -> Self::Lanes;
}

/// A prime field of 4 words, as the scalars of both curves are.
pub(crate) trait LaneScalar:
    LaneField<Lanes = Limbs<5>> + PrimeField<BigInt = BigInt<4>>
{
    /// The modulus.
    const PRIME: Prime<5>;

    /// The same elements below p, with their limbs at 52 bits.
    fn canonical(simd: Ifma, loaded: &Self::Lanes) -> Self::Lanes;

    /// Word by word, the integers that elements below R stand for. Limbs of 52 bits.
    fn integers(simd: Ifma, elements: &Self::Lanes) -> [__m512i; 4];
}

/// What is known of a prime of `W` words in `N` limbs at compile time.
struct Constants<const W: usize, const N: usize> {
    prime: Prime<N>,
    /// S.
    shift: u32,
    /// 2^S p, from which elements as loaded are subtracted.
    loaded: [u64; N],
    /// 2^(S + 1) p + p: with two of them subtracted, p is left.
    loaded_twice: [u64; N],
    /// 2^S p - p.
    loaded_less: [u64; N],
    /// 2^S p + p: with one of them subtracted, p is left.
    loaded_more: [u64; N],
    /// 5 p, from which small elements are subtracted.
    small: [u64; N],
    /// R of arkworks modulo p.
    ark_unit: [u64; N],
    /// R modulo p.
    unit: [u64; N],
    /// 1 / 2^S as arkworks holds it: the integer 2^(64 W - S), which is below p.
    unscale: [u64; W],
}

impl<const W: usize, const N: usize> Constants<W, N> {
    const fn new(modulus: &[u64; W], ark_unit: &[u64; W]) -> Self {
        let prime = Prime::new(modulus);
        // A handful of words and limbs.
        #[allow(clippy::cast_possible_truncation)]
        let shift = N as u32 * LIMB_BITS - W as u32 * u64::BITS;
        let mut unscale = [0; W];
        unscale[W - 1] = 1 << (u64::BITS - shift);
        Self {
            shift,
            loaded: prime.multiple(1 << shift),
            loaded_less: prime.multiple((1 << shift) - 1),
            loaded_more: prime.multiple((1 << shift) + 1),
            loaded_twice: prime.multiple((1 << (shift + 1)) + 1),
            small: prime.multiple(SMALL_MAX),
            ark_unit: limbs_of(ark_unit),
            unit: prime.unit(),
            unscale,
            prime,
        }
    }
}

/// Gives a prime field of so many words its constants.
trait PrimeConstants<const W: usize, const N: usize> {
    const CONSTANTS: Constants<W, N>;
}

impl<T: MontConfig<4>> PrimeConstants<4, 5> for Fp<MontBackend<T, 4>, 4> {
    const CONSTANTS: Constants<4, 5> = Constants::new(&T::MODULUS.0, &T::R.0);
}

impl<T: MontConfig<6>> PrimeConstants<6, 8> for Fp<MontBackend<T, 6>, 6> {
    const CONSTANTS: Constants<6, 8> = Constants::new(&T::MODULUS.0, &T::R.0);
}

impl Ifma {
    /// The first `W` words of the rows that begin at `starts`, word by word. What is not there
    /// reads as zeros.
    #[inline(always)]
    fn load_rows<const W: usize>(self, words: &[u64], starts: &Starts) -> [__m512i; W] {
        let mut rows = [self.splat(0); W];
        let mut from = 0;
        while from < W {
            // The last block of 6 words begins before the fifth.
            let first = from.min(W - BLOCK);
            let mut halves = [self.splat(0); BLOCK];
            for (lane, half) in halves.iter_mut().enumerate() {
                let low = block(words, starts[lane] + first);
                let high = block(words, starts[lane + 4] + first);
                *half = bytemuck::cast([low, high]);
            }
            rows[first..first + BLOCK].copy_from_slice(&self.transpose(halves));
            from += BLOCK;
        }
        rows
    }

    #[inline(always)]
    fn store_rows<const W: usize>(self, rows: &[__m512i; W], words: &mut [u64], starts: &Starts) {
        let mut from = 0;
        while from < W {
            let first = from.min(W - BLOCK);
            let mut block = [self.splat(0); BLOCK];
            block.copy_from_slice(&rows[first..first + BLOCK]);
            for (lane, halves) in self.transpose(block).into_iter().enumerate() {
                let halves: [[u64; BLOCK]; 2] = bytemuck::cast(halves);
                for (half, start) in halves.iter().zip([starts[lane], starts[lane + 4]]) {
                    let place = words.get_mut(start + first..);
                    if let Some(place) = place.and_then(|words| words.first_chunk_mut()) {
                        *place = *half;
                    }
                }
            }
            from += BLOCK;
        }
    }

    /// Word by word, the words of eight elements.
    #[inline(always)]
    fn gather<const W: usize>(self, elements: [&[u64; W]; 8]) -> [__m512i; W] {
        let mut words = [self.splat(0); W];
        let mut from = 0;
        while from < W {
            // The last block of 6 words begins before the fifth.
            let first = from.min(W - BLOCK);
            let mut halves = [self.splat(0); BLOCK];
            for (lane, half) in halves.iter_mut().enumerate() {
                let mut rows = [[0_u64; BLOCK]; 2];
                rows[0].copy_from_slice(&elements[lane][first..first + BLOCK]);
                rows[1].copy_from_slice(&elements[lane + 4][first..first + BLOCK]);
                *half = bytemuck::cast(rows);
            }
            words[first..first + BLOCK].copy_from_slice(&self.transpose(halves));
            from += BLOCK;
        }
        words
    }

    #[inline(always)]
    fn scatter<const W: usize>(self, words: &[__m512i; W]) -> [[u64; W]; 8] {
        let mut elements = [[0; W]; 8];
        let mut from = 0;
        while from < W {
            let first = from.min(W - BLOCK);
            let mut block = [self.splat(0); BLOCK];
            block.copy_from_slice(&words[first..first + BLOCK]);
            for (lane, halves) in self.transpose(block).into_iter().enumerate() {
                let [low, high]: [[u64; BLOCK]; 2] = bytemuck::cast(halves);
                elements[lane][first..first + BLOCK].copy_from_slice(&low);
                elements[lane + 4][first..first + BLOCK].copy_from_slice(&high);
            }
            from += BLOCK;
        }
        elements
    }

    /// Transposes the 4 x 4 words of both halves.
    #[inline(always)]
    pub(super) fn transpose(self, [a, b, c, d]: [__m512i; BLOCK]) -> [__m512i; BLOCK] {
        let simd = self.avx512f;
        let (ab, cd) = (simd._mm512_unpacklo_epi64(a, b), simd._mm512_unpacklo_epi64(c, d));
        let (ab_odd, cd_odd) = (simd._mm512_unpackhi_epi64(a, b), simd._mm512_unpackhi_epi64(c, d));
        let low: __m512i = bytemuck::cast([0_u64, 1, 8, 9, 4, 5, 12, 13]);
        let high: __m512i = bytemuck::cast([2_u64, 3, 10, 11, 6, 7, 14, 15]);
        [
            simd._mm512_permutex2var_epi64(ab, low, cd),
            simd._mm512_permutex2var_epi64(ab_odd, low, cd_odd),
            simd._mm512_permutex2var_epi64(ab, high, cd),
            simd._mm512_permutex2var_epi64(ab_odd, high, cd_odd),
        ]
    }

    /// The integer of some words times 2^`shift`, in limbs.
    #[inline(always)]
    fn to_limbs<const W: usize, const N: usize>(
        self,
        words: &[__m512i; W],
        shift: u32,
    ) -> Limbs<N> {
        let mask = self.splat((1 << LIMB_BITS) - 1);
        let mut limbs = [self.splat(0); N];
        for (i, limb) in (0_i32..).zip(&mut limbs) {
            let bits = self.bits(words, 64, i * LIMB_BITS.cast_signed() - shift.cast_signed());
            *limb = self.avx512f._mm512_and_si512(bits, mask);
        }
        limbs
    }

    /// The words of an integer in limbs of 52 bits.
    #[inline(always)]
    fn to_words<const W: usize, const N: usize>(self, limbs: &Limbs<N>) -> [__m512i; W] {
        let mut words = [self.splat(0); W];
        for (i, word) in (0_i32..).zip(&mut words) {
            *word = self.bits(limbs, LIMB_BITS.cast_signed(), i * 64);
        }
        words
    }

    /// The 64 bits from `bit` on of an integer whose digits have `width` bits.
    #[inline(always)]
    fn bits<const N: usize>(self, digits: &[__m512i; N], width: i32, bit: i32) -> __m512i {
        let simd = self.avx512f;
        let mut bits = self.splat(0);
        for (i, digit) in (0_i32..).zip(digits) {
            // How far this digit has to move up.
            let up = i * width - bit;
            let moved = if (0..64).contains(&up) {
                simd._mm512_sllv_epi64(*digit, self.splat(up.unsigned_abs().into()))
            } else if (-63..0).contains(&up) {
                simd._mm512_srlv_epi64(*digit, self.splat(up.unsigned_abs().into()))
            } else {
                continue;
            };
            bits = simd._mm512_or_si512(bits, moved);
        }
        bits
    }
}

/// Four words, as far as they are there.
#[inline(always)]
fn block(words: &[u64], start: usize) -> [u64; BLOCK] {
    words.get(start..).and_then(|words| words.first_chunk()).copied().unwrap_or_default()
}

macro_rules! prime_lanes {
    ($words:literal, $limbs:literal) => {
        impl<T: MontConfig<$words>> LaneField for Fp<MontBackend<T, $words>, $words> {
            type Lanes = Limbs<$limbs>;

            #[inline(always)]
            fn zero(simd: Ifma) -> Self::Lanes {
                [simd.splat(0); $limbs]
            }

            #[inline(always)]
            fn load(simd: Ifma, elements: [&Self; 8]) -> Self::Lanes {
                let words = simd.gather(elements.map(|element| &element.0.0));
                simd.to_limbs(&words, Self::CONSTANTS.shift)
            }

            #[inline(always)]
            fn load_words(simd: Ifma, words: &[u64], starts: &Starts, form: Form) -> Self::Lanes {
                let shift = if form == Form::Arkworks { Self::CONSTANTS.shift } else { 0 };
                simd.to_limbs(&simd.load_rows::<$words>(words, starts), shift)
            }

            #[inline(always)]
            fn store_words(simd: Ifma, elements: &Self::Lanes, words: &mut [u64], starts: &Starts) {
                simd.store_rows::<$words>(&simd.to_words(elements), words, starts);
            }

            fn decode(words: &[u64]) -> Self {
                let mut integer =
                    BigInt::<$words>(words.first_chunk().copied().unwrap_or_default());
                if integer >= T::MODULUS {
                    integer.sub_with_borrow(&T::MODULUS);
                }
                let unscale = Self::new_unchecked(BigInt(Self::CONSTANTS.unscale));
                Self::new_unchecked(integer) * unscale
            }

            fn encode(&self, words: &mut [u64]) {
                let scaled = *self * Self::from(1_u64 << Self::CONSTANTS.shift);
                if let Some(words) = words.first_chunk_mut() {
                    *words = scaled.0.0;
                }
            }

            #[inline(always)]
            fn negate_loaded(simd: Ifma, lanes: u8, a: &Self::Lanes) -> Self::Lanes {
                simd.negate_in(lanes, &Self::CONSTANTS.loaded, a)
            }

            #[inline(always)]
            fn subtract(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes {
                let Constants { prime, loaded_more, .. } = &Self::CONSTANTS;
                let difference = simd.difference(a, b);
                simd.reduce(prime, simd.sum(&difference, &simd.limbs(loaded_more)))
            }

            #[inline(always)]
            fn store(simd: Ifma, lanes: &Self::Lanes) -> [Self; 8] {
                let Constants { prime, ark_unit, .. } = &Self::CONSTANTS;
                let product = simd.mul(prime, &simd.limbs(ark_unit), lanes);
                let words = simd.to_words(&simd.canonical(prime, &product));
                simd.scatter(&words).map(|words| Self::new_unchecked(BigInt(words)))
            }

            #[inline(always)]
            fn shrink(simd: Ifma, loaded: &Self::Lanes) -> Self::Lanes {
                let Constants { prime, unit, .. } = &Self::CONSTANTS;
                simd.mul(prime, &simd.limbs(unit), loaded)
            }

            #[inline(always)]
            fn mul(simd: Ifma, small: &Self::Lanes, other: &Self::Lanes) -> Self::Lanes {
                simd.mul(&Self::CONSTANTS.prime, small, other)
            }

            #[inline(always)]
            fn square(simd: Ifma, small: &Self::Lanes) -> Self::Lanes {
                simd.square(&Self::CONSTANTS.prime, small)
            }

            #[inline(always)]
            fn difference(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes {
                let offset = simd.limbs(&Self::CONSTANTS.loaded);
                simd.carry(simd.sum(&simd.difference(a, b), &offset))
            }

            #[inline(always)]
            fn subtract_both(
                simd: Ifma,
                a: &Self::Lanes,
                b: &Self::Lanes,
                c: &Self::Lanes,
            ) -> Self::Lanes {
                let Constants { prime, loaded_twice, .. } = &Self::CONSTANTS;
                let difference = simd.difference(a, &simd.sum(b, c));
                simd.reduce(prime, simd.sum(&difference, &simd.limbs(loaded_twice)))
            }

            #[inline(always)]
            fn may_be_zero(simd: Ifma, difference: &Self::Lanes) -> u8 {
                let Constants { loaded, loaded_less, loaded_more, .. } = &Self::CONSTANTS;
                simd.lowest_is(difference, loaded[0])
                    | simd.lowest_is(difference, loaded_less[0])
                    | simd.lowest_is(difference, loaded_more[0])
            }

            #[inline(always)]
            fn may_be_null(simd: Ifma, element: &Self::Lanes) -> u8 {
                simd.lowest_is(element, 0)
            }

            #[inline(always)]
            fn replace(simd: Ifma, lanes: u8, elements: &Self::Lanes) -> Self::Lanes {
                simd.replace(lanes, 1, elements)
            }
        }

        impl<T: MontConfig<$words>> LanePrime for Fp<MontBackend<T, $words>, $words> {
            const WORDS: usize = $words;

            #[inline(always)]
            fn sum(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes {
                simd.carry(simd.sum(a, b))
            }

            #[inline(always)]
            fn small_difference(simd: Ifma, a: &Self::Lanes, b: &Self::Lanes) -> Self::Lanes {
                let offset = simd.limbs(&Self::CONSTANTS.small);
                simd.carry(simd.sum(&simd.difference(a, b), &offset))
            }

            #[inline(always)]
            fn negate(simd: Ifma, a: &Self::Lanes) -> Self::Lanes {
                simd.carry(simd.difference(&simd.limbs(&Self::CONSTANTS.small), a))
            }

            #[inline(always)]
            fn mul_sum(simd: Ifma, ab: [&Self::Lanes; 2], cd: [&Self::Lanes; 2]) -> Self::Lanes {
                simd.mul_sum(&Self::CONSTANTS.prime, ab, cd)
            }

            #[inline(always)]
            fn replace_by(
                simd: Ifma,
                lanes: u8,
                value: u64,
                elements: &Self::Lanes,
            ) -> Self::Lanes {
                simd.replace(lanes, value, elements)
            }
        }
    };
}

prime_lanes!(4, 5);
prime_lanes!(6, 8);

/// Where the second coefficients of elements begin.
#[inline(always)]
fn second_halves<F: LanePrime>(starts: &Starts) -> Starts {
    let mut halves = *starts;
    for start in &mut halves {
        *start += F::WORDS;
    }
    halves
}

impl<T: MontConfig<4>> LaneScalar for Fp<MontBackend<T, 4>, 4> {
    const PRIME: Prime<5> = Self::CONSTANTS.prime;

    #[inline(always)]
    fn canonical(simd: Ifma, loaded: &Self::Lanes) -> Self::Lanes {
        simd.canonical(&Self::CONSTANTS.prime, &Self::shrink(simd, loaded))
    }

    #[inline(always)]
    fn integers(simd: Ifma, elements: &Self::Lanes) -> [__m512i; 4] {
        let Constants { prime, .. } = &Self::CONSTANTS;
        // An element over R is below 1, so that the product is not above p.
        let product = simd.mul(prime, &simd.limbs(&[1, 0, 0, 0, 0]), elements);
        simd.to_words(&simd.canonical(prime, &product))
    }
}

/// c0 + c1 u with u u = -1, as in the extensions of both curves.
impl<P: Fp2Config<Fp: LanePrime>> LaneField for Fp2<P> {
    type Lanes = [<P::Fp as LaneField>::Lanes; 2];

    #[inline(always)]
    fn zero(simd: Ifma) -> Self::Lanes {
        [P::Fp::zero(simd), P::Fp::zero(simd)]
    }

    #[inline(always)]
    fn load(simd: Ifma, elements: [&Self; 8]) -> Self::Lanes {
        [
            P::Fp::load(simd, elements.map(|element| &element.c0)),
            P::Fp::load(simd, elements.map(|element| &element.c1)),
        ]
    }

    #[inline(always)]
    fn load_words(simd: Ifma, words: &[u64], starts: &Starts, form: Form) -> Self::Lanes {
        [
            P::Fp::load_words(simd, words, starts, form),
            P::Fp::load_words(simd, words, &second_halves::<P::Fp>(starts), form),
        ]
    }

    #[inline(always)]
    fn store_words(simd: Ifma, [c0, c1]: &Self::Lanes, words: &mut [u64], starts: &Starts) {
        P::Fp::store_words(simd, c0, words, starts);
        P::Fp::store_words(simd, c1, words, &second_halves::<P::Fp>(starts));
    }

    fn decode(words: &[u64]) -> Self {
        let (c0, c1) = words.split_at(words.len() / 2);
        Self::new(P::Fp::decode(c0), P::Fp::decode(c1))
    }

    fn encode(&self, words: &mut [u64]) {
        let (c0, c1) = words.split_at_mut(words.len() / 2);
        self.c0.encode(c0);
        self.c1.encode(c1);
    }

    #[inline(always)]
    fn negate_loaded(simd: Ifma, lanes: u8, [c0, c1]: &Self::Lanes) -> Self::Lanes {
        [P::Fp::negate_loaded(simd, lanes, c0), P::Fp::negate_loaded(simd, lanes, c1)]
    }

    #[inline(always)]
    fn subtract(simd: Ifma, [a0, a1]: &Self::Lanes, [b0, b1]: &Self::Lanes) -> Self::Lanes {
        [P::Fp::subtract(simd, a0, b0), P::Fp::subtract(simd, a1, b1)]
    }

    #[inline(always)]
    fn may_be_null(simd: Ifma, [c0, c1]: &Self::Lanes) -> u8 {
        P::Fp::may_be_null(simd, c0) & P::Fp::may_be_null(simd, c1)
    }

    #[inline(always)]
    fn store(simd: Ifma, [c0, c1]: &Self::Lanes) -> [Self; 8] {
        let (c0, c1) = (P::Fp::store(simd, c0), P::Fp::store(simd, c1));
        let mut elements = [Self::ZERO; 8];
        for (element, (c0, c1)) in elements.iter_mut().zip(c0.into_iter().zip(c1)) {
            *element = Self::new(c0, c1);
        }
        elements
    }

    #[inline(always)]
    fn shrink(simd: Ifma, [c0, c1]: &Self::Lanes) -> Self::Lanes {
        [P::Fp::shrink(simd, c0), P::Fp::shrink(simd, c1)]
    }

    #[inline(always)]
    fn mul(simd: Ifma, [a0, a1]: &Self::Lanes, [b0, b1]: &Self::Lanes) -> Self::Lanes {
        let minus_a1 = P::Fp::negate(simd, a1);
        [P::Fp::mul_sum(simd, [a0, b0], [&minus_a1, b1]), P::Fp::mul_sum(simd, [a0, b1], [a1, b0])]
    }

    #[inline(always)]
    fn square(simd: Ifma, [a0, a1]: &Self::Lanes) -> Self::Lanes {
        let sum = P::Fp::sum(simd, a0, a1);
        let difference = P::Fp::small_difference(simd, a0, a1);
        let twice = P::Fp::sum(simd, a1, a1);
        [P::Fp::mul(simd, &sum, &difference), P::Fp::mul(simd, a0, &twice)]
    }

    #[inline(always)]
    fn difference(simd: Ifma, [a0, a1]: &Self::Lanes, [b0, b1]: &Self::Lanes) -> Self::Lanes {
        [P::Fp::difference(simd, a0, b0), P::Fp::difference(simd, a1, b1)]
    }

    #[inline(always)]
    fn subtract_both(
        simd: Ifma,
        [a0, a1]: &Self::Lanes,
        [b0, b1]: &Self::Lanes,
        [c0, c1]: &Self::Lanes,
    ) -> Self::Lanes {
        [P::Fp::subtract_both(simd, a0, b0, c0), P::Fp::subtract_both(simd, a1, b1, c1)]
    }

    #[inline(always)]
    fn may_be_zero(simd: Ifma, [d0, d1]: &Self::Lanes) -> u8 {
        P::Fp::may_be_zero(simd, d0) & P::Fp::may_be_zero(simd, d1)
    }

    #[inline(always)]
    fn replace(simd: Ifma, lanes: u8, [c0, c1]: &Self::Lanes) -> Self::Lanes {
        [P::Fp::replace_by(simd, lanes, 1, c0), P::Fp::replace_by(simd, lanes, 0, c1)]
    }
}
