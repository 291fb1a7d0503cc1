//! Multi-scalar multiplication on all cores (Pippenger's bucket method).

use std::ops::Range;

use ark_ec::short_weierstrass::Projective;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;

use super::bases::CpuBases;
use super::buckets::partial_sums;
use super::curve::CpuCurve;
use super::scalars::{CpuScalars, Window};
use super::sums::Arithmetic;
use super::weights::{WeightedPoint, weigh};

/// Sums of buckets that are weighed together. Fewer would share an inversion among too few
/// additions, and more would fill the memory of those windows that are not yet weighed.
const WEIGHED_MIN: usize = 1 << 12;
const WEIGHED_MAX: usize = 1 << 14;

/// Sum of scalar times base.
pub(crate) fn msm<P: CpuCurve>(
    arithmetic: Arithmetic,
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
) -> Projective<P> {
    let groups = groups(scalars.windows()).into_par_iter().with_max_len(1);
    let points = groups.flat_map_iter(|windows| {
        let partials = partial_sums(arithmetic, bases, scalars, windows.clone());
        weigh(arithmetic, partials, windows, scalars.width())
    });
    horner(&points.collect::<Vec<_>>())
}

/// Groups of windows whose buckets are weighed together: one for each thread at least, if they are
/// worth it.
fn groups(windows: &[Window]) -> Vec<Range<usize>> {
    let buckets = |window: &Window| window.ends.len().min(window.scalars.len());
    let total: usize = windows.iter().map(buckets).sum();
    let enough = (total / rayon::current_num_threads()).clamp(WEIGHED_MIN, WEIGHED_MAX);
    let mut groups = Vec::new();
    let (mut first, mut count) = (0, 0);
    for (window, next) in windows.iter().zip(1..) {
        count += buckets(window);
        if count >= enough || next == windows.len() {
            groups.push(first..next);
            (first, count) = (next, 0);
        }
    }
    groups
}

/// The sum of points times powers of two; `points` are in the order of their bits.
fn horner<P: CpuCurve>(points: &[WeightedPoint<P>]) -> Projective<P> {
    let mut sum = Projective::zero();
    let mut at = points.last().map_or(0, |(bit, _)| *bit);
    for (bit, point) in points.iter().rev() {
        while at > *bit {
            sum.double_in_place();
            at -= 1;
        }
        sum += point;
    }
    for _ in 0..at {
        sum.double_in_place();
    }
    sum
}

#[cfg(test)]
mod tests;
