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
const WEIGHED_MAX: usize = 1 << 15;

/// Sum of scalar times base.
pub(crate) fn msm<P: CpuCurve>(
    arithmetic: Arithmetic,
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
) -> Projective<P> {
    let groups = groups(scalars.windows()).into_par_iter().with_max_len(1);
    let points = groups.flat_map_iter(|windows| {
        let partials = partial_sums(arithmetic, bases, scalars, windows.clone());
        weigh(arithmetic, &partials, windows, scalars.width())
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
mod tests {
    use super::*;
    use ark_ec::short_weierstrass::Affine;
    use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
    use ark_ff::PrimeField;
    use ark_ff::{Field, One, UniformRand};
    use ark_std::rand::Rng;
    use ark_std::test_rng;
    use zkpool_circuit_files::Points;

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
        equals(points.into(), 0, scalars, expected);
    }

    fn equals<P: CpuCurve>(
        points: Points<Affine<P>>,
        first: u32,
        scalars: &[P::ScalarField],
        expected: Projective<P>,
    ) {
        let (bases, scalars) = (CpuBases::new(points, first), CpuScalars::new(scalars));
        for arithmetic in [Arithmetic::InTurn, Arithmetic::fastest()] {
            assert_eq!(msm(arithmetic, &bases, &scalars), expected, "{arithmetic:?}");
        }
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
        equals(points.into(), 10, &scalars, expected);
    }

    #[test]
    fn a_large_sum_splits_into_tasks_and_equals_the_closed_form() {
        // Bases i * g and scalars s: the sum is s * n (n - 1) / 2 * g.
        let (n, g) = (1_u64 << 16, ark_bn254::G1Projective::generator());
        let multiples: Vec<ark_bn254::Fr> = (0..n).map(ark_bn254::Fr::from).collect();
        let points = crate::cpu::FixedBase::multiples(&g, &multiples);
        let scalar = ark_bn254::Fr::rand(&mut test_rng());
        let scalars = vec![scalar; points.len()];
        let expected = g * (scalar * ark_bn254::Fr::from(n * (n - 1) / 2));
        equals(points.into(), 0, &scalars, expected);
    }
}
