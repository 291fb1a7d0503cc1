//! Multi-scalar multiplication on all cores.

use ark_ec::short_weierstrass::Projective;
use ark_ff::{AdditiveGroup, PrimeField, Zero};
use rayon::prelude::*;

use super::curve::CpuCurve;

use super::buckets::{CpuBases, Window, window_sum};
use super::scalars::CpuScalars;

/// Widest digit in bits: 2^15 buckets, 2.3 MiB in G1 of BN254.
const WIDTH_MAX: usize = 16;

/// What a bucket costs, in additions of a base to a bucket: two additions to running sums, and
/// a share of what is done once a window.
const BUCKET_COST: usize = 3;

/// Tasks a thread, so that threads that finish early find work left.
const TASKS_PER_THREAD: usize = 4;

/// Fewest scalars that are worth a task, and buckets, of their own.
const TASK_SCALARS_MIN: usize = 1 << 14;

/// Sum of scalar times base, for bases that begin at the scalar `first`.
pub(crate) fn msm<P: CpuCurve>(
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

fn sum_in_parallel<P: CpuCurve>(
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
    window: Window,
) -> Projective<P> {
    let positions = window.positions(scalars);
    let tasks =
        (TASKS_PER_THREAD * rayon::current_num_threads()).div_ceil(windows(scalars, window.width));
    positions
        .par_chunks(positions.len().div_ceil(tasks).max(TASK_SCALARS_MIN))
        .map(|positions| window_sum(bases, scalars, window, positions))
        .sum()
}

/// 2^`bits` times the point.
fn shift<P: CpuCurve>(mut point: Projective<P>, bits: usize) -> Projective<P> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::short_weierstrass::Affine;
    use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
    use ark_ff::{Field, One, UniformRand};
    use ark_std::rand::Rng;
    use ark_std::test_rng;

    fn naive<P: CpuCurve>(points: &[Affine<P>], scalars: &[P::ScalarField]) -> Projective<P> {
        points.iter().zip(scalars).map(|(point, scalar)| *point * scalar).sum()
    }

    fn points<P: CpuCurve>(count: usize) -> Vec<Affine<P>> {
        let rng = &mut test_rng();
        let mut points: Vec<_> =
            (0..count).map(|_| Projective::<P>::rand(rng).into_affine()).collect();
        // Points at infinity, equal points and opposite points.
        if let [zero, same, again, opposite, ..] = points.as_mut_slice() {
            *zero = Affine::identity();
            *again = *same;
            *opposite = -*same;
        }
        points
    }

    /// Zeros, ones, minus ones, small, negative and full-size scalars.
    fn witness_like<F: PrimeField>(count: usize) -> Vec<F> {
        let rng = &mut test_rng();
        let scalar = |kind| match kind {
            0 => F::zero(),
            1 => F::one(),
            2 => -F::one(),
            3 => F::from(rng.gen_range(0..1_u64 << 20)),
            4 => -F::from(rng.r#gen::<u64>()),
            _ => F::rand(rng),
        };
        (0..count).map(|i| i % 6).map(scalar).collect()
    }

    fn equals_naive<P: CpuCurve>(points: Vec<Affine<P>>, scalars: &[P::ScalarField]) {
        let expected = naive(&points, scalars);
        let bases = CpuBases::new(points, 0);
        assert_eq!(msm(&bases, &CpuScalars::new(scalars)), expected);
    }

    fn every_kind_of_scalar<P: CpuCurve>() {
        for count in [0, 1, 2, 5, 60] {
            equals_naive::<P>(points(count), &witness_like(count));
            equals_naive::<P>(points(count), &vec![P::ScalarField::zero(); count]);
            equals_naive::<P>(points(count), &vec![P::ScalarField::one(); count]);
            equals_naive::<P>(points(count), &vec![-P::ScalarField::one(); count]);
            let half = P::ScalarField::from(2_u64).inverse().unwrap();
            equals_naive::<P>(points(count), &vec![half; count]);
        }
    }

    #[test]
    fn sums_equal_naive_ones_in_every_group() {
        every_kind_of_scalar::<ark_bn254::g1::Config>();
        every_kind_of_scalar::<ark_bn254::g2::Config>();
        every_kind_of_scalar::<ark_bls12_381::g1::Config>();
        every_kind_of_scalar::<ark_bls12_381::g2::Config>();
    }

    #[test]
    fn equal_bases_cancel_and_double_in_their_bucket() {
        let g = ark_bn254::G1Affine::generator();
        let mut points = vec![g; 64];
        points.extend([-g; 64]);
        equals_naive(points.clone(), &[ark_bn254::Fr::from(77); 128]);
        equals_naive(points, &witness_like(128));
    }

    #[test]
    fn bases_that_begin_later_skip_the_scalars_before() {
        let points: Vec<ark_bn254::G1Affine> = points(30);
        let scalars: Vec<ark_bn254::Fr> = witness_like(40);
        let expected = naive(&points, &scalars[10..]);
        let bases = CpuBases::new(points, 10);
        assert_eq!(msm(&bases, &CpuScalars::new(&scalars)), expected);
    }

    #[test]
    fn a_large_sum_splits_into_tasks_and_equals_the_closed_form() {
        // Bases i * g and scalars s: the sum is s * n (n - 1) / 2 * g.
        let (n, g) = (1_u64 << 16, ark_bn254::G1Projective::generator());
        let multiples: Vec<ark_bn254::Fr> = (0..n).map(ark_bn254::Fr::from).collect();
        let points = crate::cpu::FixedBase::multiples(&g, &multiples);
        let scalar = ark_bn254::Fr::rand(&mut test_rng());
        let scalars = CpuScalars::new(&vec![scalar; points.len()]);
        let expected = g * (scalar * ark_bn254::Fr::from(n * (n - 1) / 2));
        assert_eq!(msm(&CpuBases::new(points, 0), &scalars), expected);
    }
}
