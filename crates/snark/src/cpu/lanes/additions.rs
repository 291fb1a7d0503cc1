//! Affine additions of many pairs of points, eight of them side by side.

use std::arch::x86_64::_MM_HINT_T0;

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::Field;
use pulp::NullaryFnOnce;
use zkpool_circuit_files::FilePoint;

use super::element::{Form, Starts};
use super::{Ifma, LaneField};
use crate::cpu::CpuCurve;
use crate::cpu::sums::{NEGATIVE, Operand, Pair};

/// Points that are added side by side.
const LANES: usize = 8;

/// Chains of products, each of which waits for its last one: with two, the multipliers have work
/// while one chain waits.
const CHAINS: usize = 2;

/// How many groups ahead points are asked for: a few hundred additions take as long as a read
/// from memory.
const GROUPS_AHEAD: usize = 6;

/// A pair that lanes cannot add: its points have equal x, or one of them is at infinity.
pub(crate) struct Leftover<P: SWCurveConfig> {
    pub(crate) left: Affine<P>,
    pub(crate) right: Affine<P>,
    /// Where the sum goes.
    pub(crate) into: usize,
}

/// Adds pairs up with one inversion for all, but for those that it returns.
///
/// Operands that are bases are read from `bases`, in arkworks' form; sums are read from and
/// written to `sums`, in the form of the lanes.
pub(crate) fn add_pairs<P: CpuCurve>(
    simd: Ifma,
    [left, right]: [Operand; 2],
    bases: &[u64],
    pairs: &[Pair],
    sums: &mut [u64],
) -> Vec<Leftover<P>> {
    match (left, right) {
        (Operand::Base, Operand::Base) => {
            simd.vectorize(Additions::<'_, P, true, true>::new(simd, bases, pairs, sums))
        }
        (Operand::Sum, Operand::Base) => {
            simd.vectorize(Additions::<'_, P, false, true>::new(simd, bases, pairs, sums))
        }
        (_, Operand::Sum) => {
            simd.vectorize(Additions::<'_, P, false, false>::new(simd, bases, pairs, sums))
        }
    }
}

/// Writes bases to sums: the left operands of `singles`.
pub(crate) fn take_bases<P: CpuCurve>(
    simd: Ifma,
    bases: &[u64],
    singles: &[Pair],
    sums: &mut [u64],
) {
    simd.vectorize(Taking(Additions::<'_, P, true, true>::new(simd, bases, singles, sums)));
}

/// Bases that become sums as they are.
struct Taking<'a, P>(Additions<'a, P, true, true>);

impl<P: CpuCurve> NullaryFnOnce for Taking<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(mut additions) = self;
        for index in 0..additions.pairs.len().div_ceil(LANES) {
            additions.ask_for(index + GROUPS_AHEAD);
            additions.take(index);
        }
    }
}

/// Additions whose operands are bases or sums.
struct Additions<'a, P, const LEFT_IS_BASE: bool, const RIGHT_IS_BASE: bool> {
    simd: Ifma,
    bases: &'a [u64],
    pairs: &'a [Pair],
    sums: &'a mut [u64],
    curve: std::marker::PhantomData<P>,
}

/// Eight operands of one kind, by where they are.
struct Operands<'a> {
    words: &'a [u64],
    starts: Starts,
    /// Lanes whose operand is subtracted.
    negative: u8,
    form: Form,
}

/// Eight points of which only x was read so far.
struct Abscissas<L> {
    left: L,
    right: L,
    /// Their difference, or something else than zero in the lanes that are left over.
    difference: L,
    left_over: u8,
}

type Lanes<P> = <<P as ark_ec::CurveConfig>::BaseField as LaneField>::Lanes;

impl<'a, P, const L: bool, const R: bool> Additions<'a, P, L, R> {
    fn new(simd: Ifma, bases: &'a [u64], pairs: &'a [Pair], sums: &'a mut [u64]) -> Self {
        Self { simd, bases, pairs, sums, curve: std::marker::PhantomData }
    }
}

impl<P: CpuCurve, const L: bool, const R: bool> NullaryFnOnce for Additions<'_, P, L, R> {
    type Output = Vec<Leftover<P>>;

    #[inline(always)]
    fn call(mut self) -> Vec<Leftover<P>> {
        let simd = self.simd;
        let groups = self.pairs.len().div_ceil(LANES);
        let one = P::BaseField::load(simd, [&P::BaseField::ONE; LANES]);
        let mut products = [P::BaseField::shrink(simd, &one); CHAINS];
        let mut before: Vec<Lanes<P>> = Vec::with_capacity(groups);
        for index in 0..groups {
            self.ask_for(index + GROUPS_AHEAD);
            let x = self.abscissas(&self.group(index));
            let product = &mut products[index % CHAINS];
            before.push(*product);
            *product = P::BaseField::mul(simd, product, &x.difference);
        }
        let mut inverses = invert_all::<P::BaseField>(simd, &products);
        let mut leftovers = Vec::new();
        for (index, before) in before.iter().enumerate().rev() {
            let group = self.group(index);
            let x = self.abscissas(&group);
            let rest = &mut inverses[index % CHAINS];
            let inverse = P::BaseField::mul(simd, rest, before);
            *rest = P::BaseField::mul(simd, rest, &x.difference);
            if x.left_over != 0 {
                self.leave_over(index, x.left_over, &mut leftovers);
            }
            self.add(&group, &x, &inverse);
        }
        leftovers
    }
}

impl<P: CpuCurve> Additions<'_, P, true, true> {
    #[inline(always)]
    fn take(&mut self, index: usize) {
        let simd = self.simd;
        let group = self.group(index);
        let mut operands = self.left(&group);
        // Twice negated, since what is as loaded may be subtracted only.
        operands.negative = !operands.negative;
        let (x, y) = (operands.x::<P>(simd), operands.y::<P>(simd));
        let zero = P::BaseField::zero(simd);
        let x = P::BaseField::subtract(simd, &zero, &P::BaseField::negate_loaded(simd, 0xff, &x));
        let y = P::BaseField::subtract(simd, &zero, &y);
        self.write(&group, &x, &y);
    }
}

impl<P: CpuCurve, const L: bool, const R: bool> Additions<'_, P, L, R> {
    /// The pairs of a group; its last pair stands in all lanes behind it.
    #[inline(always)]
    fn group(&self, index: usize) -> [Pair; LANES] {
        let mut group = [Pair::default(); LANES];
        let last = self.pairs.len() - 1;
        for (lane, pair) in group.iter_mut().enumerate() {
            *pair = self.pairs[(index * LANES + lane).min(last)];
        }
        group
    }

    #[inline(always)]
    fn left(&self, group: &[Pair; LANES]) -> Operands<'_> {
        let mut terms = [0; LANES];
        for (term, pair) in terms.iter_mut().zip(group) {
            *term = pair.left;
        }
        self.operands::<L>(&terms)
    }

    #[inline(always)]
    fn right(&self, group: &[Pair; LANES]) -> Operands<'_> {
        let mut terms = [0; LANES];
        for (term, pair) in terms.iter_mut().zip(group) {
            *term = pair.right;
        }
        self.operands::<R>(&terms)
    }

    #[inline(always)]
    fn operands<const IS_BASE: bool>(&self, terms: &[u32; LANES]) -> Operands<'_> {
        let mut starts = [0; LANES];
        let mut negative = 0;
        for (lane, (start, term)) in starts.iter_mut().zip(terms).enumerate() {
            *start = (*term & !NEGATIVE) as usize * Affine::<P>::WORDS;
            negative |= u8::from(*term & NEGATIVE != 0) << lane;
        }
        let (words, form) =
            if IS_BASE { (self.bases, Form::Arkworks) } else { (&*self.sums, Form::Lanes) };
        Operands { words, starts, negative, form }
    }

    /// Brings the operands of a group closer.
    #[inline(always)]
    fn ask_for(&self, index: usize) {
        if !L && !R || index * LANES >= self.pairs.len() {
            return;
        }
        let group = self.group(index);
        for operands in [self.left(&group), self.right(&group)] {
            for start in operands.starts {
                let place = operands.words.as_ptr().wrapping_add(start).cast();
                self.simd.sse._mm_prefetch::<_MM_HINT_T0>(place);
                let end = place.wrapping_add(Affine::<P>::BYTES - 1);
                self.simd.sse._mm_prefetch::<_MM_HINT_T0>(end);
            }
        }
    }

    #[inline(always)]
    fn abscissas(&self, group: &[Pair; LANES]) -> Abscissas<Lanes<P>> {
        let simd = self.simd;
        let (left, right) = (self.left(group).x::<P>(simd), self.right(group).x::<P>(simd));
        let difference = P::BaseField::difference(simd, &right, &left);
        let left_over = P::BaseField::may_be_zero(simd, &difference)
            | P::BaseField::may_be_null(simd, &left)
            | P::BaseField::may_be_null(simd, &right);
        let difference = P::BaseField::replace(simd, left_over, &difference);
        Abscissas { left, right, difference, left_over }
    }

    /// Writes the sums of a group, given the inverse of their denominators. What it writes for
    /// pairs that are left over is replaced later.
    #[inline(always)]
    fn add(&mut self, group: &[Pair; LANES], x: &Abscissas<Lanes<P>>, inverse: &Lanes<P>) {
        let simd = self.simd;
        let (left_y, right_y) = (self.left(group).y::<P>(simd), self.right(group).y::<P>(simd));
        let rise = P::BaseField::difference(simd, &right_y, &left_y);
        let slope = P::BaseField::mul(simd, inverse, &rise);
        let square = <P::BaseField as LaneField>::square(simd, &slope);
        let sum_x = P::BaseField::subtract_both(simd, &square, &x.left, &x.right);
        let run = P::BaseField::difference(simd, &x.left, &sum_x);
        let fall = P::BaseField::mul(simd, &slope, &run);
        let sum_y = P::BaseField::subtract(simd, &fall, &left_y);
        self.write(group, &sum_x, &sum_y);
    }

    #[inline(always)]
    fn write(&mut self, group: &[Pair; LANES], x: &Lanes<P>, y: &Lanes<P>) {
        let mut starts = [0; LANES];
        for (start, pair) in starts.iter_mut().zip(group) {
            *start = pair.into as usize * Affine::<P>::WORDS;
        }
        P::BaseField::store_words(self.simd, x, self.sums, &starts);
        P::BaseField::store_words(self.simd, y, self.sums, &behind_x::<P>(&starts));
    }

    /// Takes the operands of some lanes out, before sums are written over them.
    #[cold]
    #[inline(never)]
    fn leave_over(&self, index: usize, lanes: u8, leftovers: &mut Vec<Leftover<P>>) {
        let pairs = self.pairs.iter().skip(index * LANES).take(LANES).enumerate();
        for (_, pair) in pairs.filter(|(lane, _)| lanes & (1 << lane) != 0) {
            leftovers.push(Leftover {
                left: self.point(pair.left, L),
                right: self.point(pair.right, R),
                into: pair.into as usize,
            });
        }
    }

    fn point(&self, term: u32, is_base: bool) -> Affine<P> {
        let start = (term & !NEGATIVE) as usize * Affine::<P>::WORDS;
        let words = if is_base { self.bases } else { &*self.sums };
        let words = words.get(start..start + Affine::<P>::WORDS).unwrap_or_default();
        let point = if is_base { Affine::from_words(words) } else { decode(words) };
        if term & NEGATIVE == 0 { point } else { -point }
    }
}

impl Operands<'_> {
    #[inline(always)]
    fn x<P: CpuCurve>(&self, simd: Ifma) -> Lanes<P> {
        P::BaseField::load_words(simd, self.words, &self.starts, self.form)
    }

    #[inline(always)]
    fn y<P: CpuCurve>(&self, simd: Ifma) -> Lanes<P> {
        let starts = behind_x::<P>(&self.starts);
        let y = P::BaseField::load_words(simd, self.words, &starts, self.form);
        match self.form {
            Form::Arkworks => P::BaseField::negate_loaded(simd, self.negative, &y),
            // Sums are added only.
            Form::Lanes => y,
        }
    }
}

#[inline(always)]
fn behind_x<P: CpuCurve>(starts: &Starts) -> Starts {
    let mut behind = *starts;
    for start in &mut behind {
        *start += Affine::<P>::WORDS / 2;
    }
    behind
}

/// The point of a sum.
pub(crate) fn decode<P: CpuCurve>(words: &[u64]) -> Affine<P> {
    if words.iter().all(|word| *word == 0) {
        return Affine::identity();
    }
    let (x, y) = words.split_at(words.len() / 2);
    Affine::new_unchecked(P::BaseField::decode(x), P::BaseField::decode(y))
}

/// Writes a point as a sum.
pub(crate) fn encode<P: CpuCurve>(point: &Affine<P>, words: &mut [u64]) {
    let (x, y) = words.split_at_mut(words.len() / 2);
    match point.xy() {
        Some((px, py)) => {
            px.encode(x);
            py.encode(y);
        }
        None => {
            x.fill(0);
            y.fill(0);
        }
    }
}

/// The inverse of each lane of each of the products, none of which is zero.
#[inline(always)]
fn invert_all<F: LaneField>(simd: Ifma, products: &[F::Lanes; CHAINS]) -> [F::Lanes; CHAINS] {
    let mut values = [[F::ZERO; LANES]; CHAINS];
    for (values, product) in values.iter_mut().zip(products) {
        *values = F::store(simd, product);
    }
    ark_ff::batch_inversion(values.as_flattened_mut());
    let mut inverses = *products;
    for (inverse, values) in inverses.iter_mut().zip(&values) {
        *inverse = F::shrink(simd, &F::load(simd, values.each_ref()));
    }
    inverses
}
