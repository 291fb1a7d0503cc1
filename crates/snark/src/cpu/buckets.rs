//! The sum of one window of a multi-scalar multiplication (Pippenger's bucket method).
//!
//! Bases are sorted by the digit of their scalar, the bases of one digit are added up in a tree
//! of affine additions, and the bucket sums are weighted by a running sum.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Bucket, Projective};
use ark_ff::{AdditiveGroup, PrimeField};

use super::curve::CpuCurve;

use super::batch_affine::{PairBatch, add_assign_all};
use super::scalars::CpuScalars;

/// The bit of a [`Term`] that says that the base is subtracted.
const NEGATIVE: u32 = 1 << 31;

/// Running sums that advance together. Their additions come 256 to an inversion.
const SEGMENTS: usize = 128;

/// A position of a base, with [`NEGATIVE`] where the base is subtracted.
type Term = u32;

/// One window of one multiplication: which digit of the scalars, and how wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// 0 for the least significant digit.
    pub(crate) index: usize,
    /// Width of a digit in bits.
    pub(crate) width: usize,
}

impl Window {
    /// The positions of the scalars whose digit in this window may not be zero.
    pub(crate) fn positions<F: PrimeField>(self, scalars: &CpuScalars<F>) -> &[u32] {
        // A digit reaches one bit below its window.
        scalars.positions_longer_than((self.index * self.width).saturating_sub(1))
    }

    const fn buckets(self) -> usize {
        1 << (self.width - 1)
    }
}

/// Bases of multiplications.
pub struct CpuBases<P: CpuCurve> {
    points: Vec<Affine<P>>,
    /// Position of the scalar that belongs to the first point.
    first: u32,
    /// Which points are not at infinity: a byte each, where reading the points themselves once
    /// a window would evict what the caches hold.
    finite: Vec<bool>,
}

impl<P: CpuCurve> CpuBases<P> {
    /// Takes in points. The first of them belongs to the scalar at `first`.
    #[must_use]
    pub fn new(points: Vec<Affine<P>>, first: u32) -> Self {
        let finite = points.iter().map(|point| !point.is_zero()).collect();
        Self { points, first, finite }
    }

    /// Memory that the points take.
    pub(crate) fn bytes(&self) -> u64 {
        (size_of_val(self.points.as_slice()) + self.finite.len()) as u64
    }

    /// The position of the base of the scalar at `position`, where it has one that counts.
    #[inline]
    fn locate(&self, position: u32) -> Option<u32> {
        let base = position.checked_sub(self.first)?;
        self.finite.get(base as usize).filter(|finite| **finite).map(|_| base)
    }

    #[inline]
    fn read(&self, term: Term) -> Affine<P> {
        let point =
            self.points.get((term & !NEGATIVE) as usize).copied().unwrap_or(Affine::identity());
        if term & NEGATIVE == 0 { point } else { -point }
    }
}

/// Sum of digit times base over the scalars at `positions`.
pub(crate) fn window_sum<P: CpuCurve>(
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
    window: Window,
    positions: &[u32],
) -> Projective<P> {
    let (terms, counts) = sort_by_digit(bases, scalars, window, positions);
    weighted_sum(&add_up_buckets(bases, &terms, counts))
}

/// The terms of all buckets one after the other, and how many each bucket has.
fn sort_by_digit<P: CpuCurve>(
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
    window: Window,
    positions: &[u32],
) -> (Vec<Term>, Vec<u32>) {
    let mut counts = vec![0_u32; window.buckets()];
    let mut digits = Vec::with_capacity(positions.len());
    for position in positions {
        let digit = scalars.digit(*position, window.index, window.width);
        if digit == 0 {
            continue;
        }
        let Some(base) = bases.locate(*position) else { continue };
        let bucket = digit.unsigned_abs() - 1;
        if let Some(count) = counts.get_mut(bucket as usize) {
            *count += 1;
            digits.push((bucket, if digit < 0 { base | NEGATIVE } else { base }));
        }
    }
    (scatter(&digits, &counts), counts)
}

fn scatter(digits: &[(u32, Term)], counts: &[u32]) -> Vec<Term> {
    let mut next = Vec::with_capacity(counts.len());
    let mut start = 0;
    for count in counts {
        next.push(start);
        start += count;
    }
    let mut terms = vec![0; digits.len()];
    for (bucket, term) in digits {
        if let Some(slot) = next.get_mut(*bucket as usize) {
            if let Some(place) = terms.get_mut(*slot as usize) {
                *place = *term;
            }
            *slot += 1;
        }
    }
    terms
}

/// The sum of each bucket.
fn add_up_buckets<P: CpuCurve>(
    bases: &CpuBases<P>,
    terms: &[Term],
    mut counts: Vec<u32>,
) -> Vec<Affine<P>> {
    let mut tree = Tree { batch: PairBatch::new(), slots: Vec::new(), level: Vec::new() };
    let mut source = terms.iter().map(|term| bases.read(*term));
    tree.halve(&mut source, &mut counts);
    while counts.iter().any(|count| *count > 1) {
        let level = std::mem::take(&mut tree.level);
        tree.halve(&mut level.into_iter(), &mut counts);
    }
    let mut sums = tree.level.into_iter();
    let bucket = |count: &u32| if *count == 0 { None } else { sums.next() };
    counts.iter().map(bucket).map(|sum| sum.unwrap_or(Affine::identity())).collect()
}

/// Additions of neighbours within each bucket, level by level.
struct Tree<P: CpuCurve> {
    batch: PairBatch<P>,
    /// Where in `level` the sums of the batch go.
    slots: Vec<usize>,
    /// What is left of all buckets after this level, one bucket after the other.
    level: Vec<Affine<P>>,
}

impl<P: CpuCurve> Tree<P> {
    /// Adds the points of each bucket in pairs. `counts` is halved with them, rounding up.
    fn halve(&mut self, points: &mut impl Iterator<Item = Affine<P>>, counts: &mut [u32]) {
        for count in counts {
            for _ in 0..*count / 2 {
                let (Some(left), Some(right)) = (points.next(), points.next()) else { break };
                self.pair(left, right);
            }
            if *count % 2 == 1 {
                self.level.extend(points.next());
            }
            *count = count.div_ceil(2);
        }
        self.flush();
    }

    #[inline]
    fn pair(&mut self, left: Affine<P>, right: Affine<P>) {
        self.slots.push(self.level.len());
        self.level.push(Affine::identity());
        if self.batch.push(left, right) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Self { batch, slots, level } = self;
        let mut slots = slots.drain(..);
        batch.add_up(|sum| {
            if let Some(place) = slots.next().and_then(|slot| level.get_mut(slot)) {
                *place = sum;
            }
        });
    }
}

/// Sum of (i + 1) times bucket i.
fn weighted_sum<P: CpuCurve>(buckets: &[Affine<P>]) -> Projective<P> {
    if buckets.len() <= 2 * SEGMENTS {
        return weighted_sum_in_turn(buckets);
    }
    let length = buckets.len() / SEGMENTS;
    let (sums, weighted) = sum_segments(buckets, length);
    // Bucket j of segment s has weight s * length + (j + 1).
    let mut across = weighted_sum_in_turn(sums.get(1..).unwrap_or_default());
    for _ in 0..length.ilog2() {
        across.double_in_place();
    }
    weighted.iter().fold(across, |total, segment| total + segment)
}

fn weighted_sum_in_turn<P: CpuCurve>(buckets: &[Affine<P>]) -> Projective<P> {
    let mut running = Bucket::ZERO;
    let mut total = Bucket::ZERO;
    for bucket in buckets.iter().rev() {
        running += bucket;
        total += &running;
    }
    total.into()
}

/// For each segment of `length` buckets, their sum and their sum weighted from 1 on.
///
/// The running sums of all segments advance together and share their inversions.
fn sum_segments<P: CpuCurve>(
    buckets: &[Affine<P>],
    length: usize,
) -> (Vec<Affine<P>>, Vec<Affine<P>>) {
    let mut steps = Vec::with_capacity(2 * SEGMENTS);
    let mut terms = Vec::with_capacity(2 * SEGMENTS);
    // The running sums, and behind them their sums, which lag one bucket behind.
    let mut lanes = vec![Affine::identity(); 2 * SEGMENTS];
    for j in (0..length).rev() {
        terms.clear();
        terms.extend(buckets.iter().skip(j).step_by(length));
        terms.extend_from_slice(lanes.get(..SEGMENTS).unwrap_or_default());
        add_assign_all(&mut lanes, &terms, &mut steps);
    }
    let mut weighted = lanes.split_off(SEGMENTS);
    add_assign_all(&mut weighted, &lanes, &mut steps);
    (lanes, weighted)
}
