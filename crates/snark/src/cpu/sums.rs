//! Sums of points: additions of many pairs at once, with one inversion for all.

use ark_ec::short_weierstrass::Affine;
use zkpool_circuit_files::{FilePoint, Points};

use super::batch_affine::{BATCH_PAIRS, add_assign_all};
use super::curve::CpuCurve;
#[cfg(target_arch = "x86_64")]
use super::lanes::{self, Ifma};

/// The bit of a term that says that its base is subtracted.
pub(crate) const NEGATIVE: u32 = 1 << 31;

/// How points are added. All ways give the same points.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arithmetic {
    /// One after the other, by arkworks.
    InTurn,
    /// Eight side by side.
    #[cfg(target_arch = "x86_64")]
    Lanes(Ifma),
}

impl Arithmetic {
    /// The fastest that the processor has.
    pub(crate) fn fastest() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = Ifma::try_new() {
            return Self::Lanes(simd);
        }
        Self::InTurn
    }
}

/// What the operand of an addition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A term: the position of a base, with [`NEGATIVE`] where it is subtracted. It is not at
    /// infinity.
    Base,
    /// A sum that was computed before, by its position.
    Sum,
}

/// Two operands, and the position of the sum that is written. No position of a sum is in more than
/// one pair, but that the left operand of a pair may be where its sum goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) into: u32,
}

/// Points by position, in the form that the arithmetic wants.
#[derive(Debug)]
pub(crate) struct Sums<P> {
    arithmetic: Arithmetic,
    /// As many for each as a base takes; zeros at infinity.
    words: Vec<u64>,
    curve: std::marker::PhantomData<fn() -> P>,
}

impl<P: CpuCurve> Sums<P> {
    /// As many points at infinity.
    pub(crate) fn new(arithmetic: Arithmetic, count: usize) -> Self {
        let words = vec![0; count * Affine::<P>::WORDS];
        Self { arithmetic, words, curve: std::marker::PhantomData }
    }

    /// No points, and room for as many.
    pub(crate) fn with_capacity(arithmetic: Arithmetic, count: usize) -> Self {
        let words = Vec::with_capacity(count * Affine::<P>::WORDS);
        Self { arithmetic, words, curve: std::marker::PhantomData }
    }

    /// How many points.
    pub(crate) fn len(&self) -> usize {
        self.words.len() / Affine::<P>::WORDS
    }

    /// The point at a position.
    pub(crate) fn point(&self, position: u32) -> Affine<P> {
        let words = self.words(position);
        match self.arithmetic {
            Arithmetic::InTurn => Affine::from_words(words),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Lanes(_) => lanes::decode(words),
        }
    }

    /// Writes a point to a position.
    pub(crate) fn set(&mut self, position: usize, point: &Affine<P>) {
        let start = position * Affine::<P>::WORDS;
        let Some(words) = self.words.get_mut(start..start + Affine::<P>::WORDS) else { return };
        match self.arithmetic {
            Arithmetic::InTurn => point.write_words(words),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Lanes(_) => lanes::encode(point, words),
        }
    }

    /// Appends a copy of a point of `other`. Returns its position.
    pub(crate) fn push(&mut self, other: &Self, position: u32) -> u32 {
        self.words.extend_from_slice(other.words(position));
        self.last()
    }

    /// Appends a copy of a point. Returns its position.
    pub(crate) fn duplicate(&mut self, position: u32) -> u32 {
        let start = position as usize * Affine::<P>::WORDS;
        self.words.extend_from_within(start..start + Affine::<P>::WORDS);
        self.last()
    }

    fn last(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX) - 1
    }

    fn words(&self, position: u32) -> &[u64] {
        let start = position as usize * Affine::<P>::WORDS;
        self.words.get(start..start + Affine::<P>::WORDS).unwrap_or_default()
    }

    /// Adds up pairs of what `operands` says, whose bases are in `bases`.
    pub(crate) fn add(
        &mut self,
        operands: [Operand; 2],
        bases: &Points<Affine<P>>,
        pairs: &[Pair],
    ) {
        match self.arithmetic {
            _ if pairs.is_empty() => {}
            Arithmetic::InTurn => self.add_in_turn(operands, bases, pairs),
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Lanes(simd) => self.add_in_lanes(simd, operands, bases, pairs),
        }
    }

    fn add_in_turn(
        &mut self,
        [left, right]: [Operand; 2],
        bases: &Points<Affine<P>>,
        pairs: &[Pair],
    ) {
        let mut steps = Vec::with_capacity(BATCH_PAIRS);
        for pairs in pairs.chunks(BATCH_PAIRS) {
            let read = |operand, term| match operand {
                Operand::Base => base(bases, term),
                Operand::Sum => self.point(term),
            };
            let mut sums: Vec<_> = pairs.iter().map(|pair| read(left, pair.left)).collect();
            let terms: Vec<_> = pairs.iter().map(|pair| read(right, pair.right)).collect();
            add_assign_all(&mut sums, &terms, &mut steps);
            for (pair, sum) in pairs.iter().zip(&sums) {
                self.set(pair.into as usize, sum);
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn add_in_lanes(
        &mut self,
        simd: Ifma,
        operands: [Operand; 2],
        bases: &Points<Affine<P>>,
        pairs: &[Pair],
    ) {
        let leftovers =
            lanes::add_pairs::<P>(simd, operands, bases.words(), pairs, &mut self.words);
        if leftovers.is_empty() {
            return;
        }
        let mut sums: Vec<_> = leftovers.iter().map(|pair| pair.left).collect();
        let terms: Vec<_> = leftovers.iter().map(|pair| pair.right).collect();
        add_assign_all(&mut sums, &terms, &mut Vec::new());
        for (pair, sum) in leftovers.iter().zip(&sums) {
            self.set(pair.into, sum);
        }
    }

    /// Takes single terms in: the left operands of `singles`.
    pub(crate) fn take(&mut self, bases: &Points<Affine<P>>, singles: &[Pair]) {
        match self.arithmetic {
            _ if singles.is_empty() => {}
            Arithmetic::InTurn => {
                for single in singles {
                    self.set(single.into as usize, &base(bases, single.left));
                }
            }
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Lanes(simd) => {
                lanes::take_bases::<P>(simd, bases.words(), singles, &mut self.words);
            }
        }
    }

    /// Adds pairs of sums up.
    pub(crate) fn add_sums(&mut self, pairs: &[Pair]) {
        self.add([Operand::Sum; 2], &Points::default(), pairs);
    }
}

/// The point of a term.
pub(crate) fn base<P: CpuCurve>(bases: &Points<Affine<P>>, term: u32) -> Affine<P> {
    let point = bases.get((term & !NEGATIVE) as usize);
    if term & NEGATIVE == 0 { point } else { -point }
}

#[cfg(test)]
mod tests {
    use ark_ec::short_weierstrass::Projective;
    use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
    use ark_ff::Zero;
    use ark_std::{UniformRand, test_rng};

    use super::*;

    /// Pairs of every case of the group law among many.
    fn cases<P: CpuCurve>(count: u64) -> Vec<[Affine<P>; 2]> {
        let rng = &mut test_rng();
        let (p, q) = (Projective::<P>::rand(rng), Projective::<P>::rand(rng));
        let zero = Projective::<P>::zero();
        let case = |i: u64| match i % 11 {
            3 => [p, p],
            5 => [p, -p],
            6 => [p, zero],
            8 => [zero, zero],
            9 => [zero, q],
            _ => [p.mul_bigint([i + 1]), q.mul_bigint([i + 1])],
        };
        (0..count).map(|i| case(i).map(CurveGroup::into_affine)).collect()
    }

    fn sums_of_every_case<P: CpuCurve>(arithmetic: Arithmetic, count: u64) {
        let cases = cases::<P>(count);
        let mut sums = Sums::<P>::new(arithmetic, 2 * cases.len());
        let mut pairs = Vec::new();
        for (i, [left, right]) in (0..).zip(&cases) {
            sums.set(2 * i as usize, left);
            sums.set(2 * i as usize + 1, right);
            pairs.push(Pair { left: 2 * i, right: 2 * i + 1, into: 2 * i });
        }
        sums.add_sums(&pairs);
        for (i, [left, right]) in (0..).zip(&cases) {
            assert_eq!(sums.point(2 * i), (*left + *right).into_affine(), "{arithmetic:?} {i}");
            assert_eq!(sums.point(2 * i + 1), *right);
        }
    }

    fn sums_of_bases<P: CpuCurve>(arithmetic: Arithmetic, count: u64) {
        let cases: Vec<_> =
            cases::<P>(count).into_iter().flatten().filter(|p| !p.is_zero()).collect();
        let bases = Points::from(cases.as_slice());
        let mut sums = Sums::<P>::new(arithmetic, cases.len() / 2);
        let term = |i: u32| if i % 3 == 1 { i | NEGATIVE } else { i };
        let pairs: Vec<_> = (0..)
            .zip(cases.chunks_exact(2))
            .map(|(i, _)| Pair { left: term(2 * i), right: term(2 * i + 1), into: i })
            .collect();
        sums.add([Operand::Base; 2], &bases, &pairs);
        let expected = |pair: &Pair| base(&bases, pair.left) + base(&bases, pair.right);
        for pair in &pairs {
            assert_eq!(sums.point(pair.into), expected(pair).into_affine());
        }
        let again: Vec<_> = pairs.iter().map(|pair| Pair { left: pair.into, ..*pair }).collect();
        sums.add([Operand::Sum, Operand::Base], &bases, &again);
        for pair in &pairs {
            let sum = expected(pair) + base(&bases, pair.right);
            assert_eq!(sums.point(pair.into), sum.into_affine());
        }
    }

    fn every_arithmetic<P: CpuCurve>() {
        for arithmetic in [Arithmetic::InTurn, Arithmetic::fastest()] {
            for count in [1, 7, 8, 9, 40, 200] {
                sums_of_every_case::<P>(arithmetic, count);
                sums_of_bases::<P>(arithmetic, count);
            }
        }
    }

    #[test]
    fn pairs_of_every_case_are_added_in_every_group() {
        every_arithmetic::<ark_bn254::g1::Config>();
        every_arithmetic::<ark_bn254::g2::Config>();
        every_arithmetic::<ark_bls12_381::g1::Config>();
        every_arithmetic::<ark_bls12_381::g2::Config>();
    }
}
