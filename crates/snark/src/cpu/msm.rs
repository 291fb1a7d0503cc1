//! Multi-scalar multiplication on all cores.

use ark_ec::short_weierstrass::{Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, PrimeField, Zero};
use rayon::prelude::*;

use super::buckets::{CpuBases, Window, window_sum};
use super::scalars::CpuScalars;

/// Widest digit in bits: 2^15 buckets, 2.3 MiB in G1 of BN254.
const WIDTH_MAX: usize = 16;

/// What a bucket costs, in additions of a base to a bucket: two additions, of eight and of
/// twelve multiplications, against one of six.
const BUCKET_COST: usize = 4;

/// Tasks a thread, so that threads that finish early find work left.
const TASKS_PER_THREAD: usize = 4;

/// Fewest scalars that are worth a task, and buckets, of their own.
const TASK_SCALARS_MIN: usize = 1 << 14;

/// Sum of scalar times base, for bases that begin at the scalar `first`.
pub(crate) fn msm<P: SWCurveConfig>(
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
) -> Projective<P> {
    let width = best_width(scalars);
    let sums: Vec<Projective<P>> = (0..windows(scalars, width))
        .into_par_iter()
        .with_max_len(1)
        .map(|index| sum_in_parallel(bases, scalars, Window { index, width }))
        .collect();
    sums.into_iter().rev().fold(Projective::zero(), |total, sum| shift(total, width) + sum)
}

fn sum_in_parallel<P: SWCurveConfig>(
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
    window: Window,
) -> Projective<P> {
    let positions = window.positions(scalars);
    let tasks = (TASKS_PER_THREAD * rayon::current_num_threads())
        .div_ceil(windows(scalars, window.width));
    positions
        .par_chunks(positions.len().div_ceil(tasks).max(TASK_SCALARS_MIN))
        .map(|positions| window_sum(bases, scalars, window, positions))
        .sum()
}

/// 2^`bits` times the point.
fn shift<P: SWCurveConfig>(mut point: Projective<P>, bits: usize) -> Projective<P> {
    for _ in 0..bits {
        point.double_in_place();
    }
    point
}

/// How many digits of `width` bits the longest scalar has, one for the last carry included.
fn windows<F: PrimeField>(scalars: &CpuScalars<F>, width: usize) -> usize {
    scalars.bits_max() / width + 1
}

/// The width of digits at which these scalars, by their lengths, cost the fewest additions.
fn best_width<F: PrimeField>(scalars: &CpuScalars<F>) -> usize {
    (2..=WIDTH_MAX).min_by_key(|width| cost(scalars, *width)).unwrap_or(WIDTH_MAX)
}

fn cost<F: PrimeField>(scalars: &CpuScalars<F>, width: usize) -> usize {
    let buckets = 1_usize << (width - 1);
    (0..windows(scalars, width))
        .map(|index| Window { index, width }.positions(scalars).len())
        // Buckets that stay empty above the highest filled one cost next to nothing.
        .map(|terms| terms + BUCKET_COST * buckets.min(8 * terms))
        .sum()
}
