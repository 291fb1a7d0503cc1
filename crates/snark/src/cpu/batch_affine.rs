//! Affine point additions whose inversions are shared (Montgomery's trick).
//!
//! One affine addition needs one inversion. A batch of them shares one, at three
//! multiplications each, which brings an addition to five multiplications and one squaring.
//! The mixed addition in extended Jacobian coordinates takes eight and two.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{AdditiveGroup, Field, Zero};

use super::curve::CpuCurve;

/// Additions that share one inversion.
///
/// An inversion costs about 200 multiplications, under one a pair here, and the operands of
/// 512 pairs in G1 of BN254 take 80 KiB: they stay in the second-level cache.
pub(crate) const BATCH_PAIRS: usize = 512;

/// What the forward pass over the pairs leaves for the backward pass.
pub(crate) struct Step<F> {
    /// The product of the denominators of the pairs before.
    before: F,
    /// The denominator of this pair.
    denominator: F,
}

/// Adds `right[i]` to `left[i]` for every `i` with one inversion. `steps` is scratch space.
pub(crate) fn add_assign_all<P: CpuCurve>(
    left: &mut [Affine<P>],
    right: &[Affine<P>],
    steps: &mut Vec<Step<P::BaseField>>,
) {
    steps.clear();
    let mut before = P::BaseField::ONE;
    for (left, right) in left.iter().zip(right) {
        let denominator = denominator(left, right);
        steps.push(Step { before, denominator });
        before *= denominator;
    }
    // No denominator is zero, hence neither is their product.
    let mut inverse = before.inverse().unwrap_or(P::BaseField::ZERO);
    for ((left, right), step) in left.iter_mut().zip(right).zip(steps.iter()).rev() {
        *left = add(left, right, inverse * step.before);
        inverse *= step.denominator;
    }
}

/// The denominator of the slope through both points: never zero, and 1 where there is no slope.
#[inline]
fn denominator<P: CpuCurve>(left: &Affine<P>, right: &Affine<P>) -> P::BaseField {
    let difference = right.x - left.x;
    if difference.is_zero() || left.is_zero() || right.is_zero() {
        return denominator_of_equal_x(left, right);
    }
    difference
}

#[cold]
fn denominator_of_equal_x<P: CpuCurve>(left: &Affine<P>, right: &Affine<P>) -> P::BaseField {
    let is_doubling = !left.is_zero() && !right.is_zero() && left.y == right.y;
    if is_doubling && !left.y.is_zero() { left.y.double() } else { P::BaseField::ONE }
}

/// The sum of two points, given the inverse of their [`denominator`].
#[inline]
fn add<P: CpuCurve>(left: &Affine<P>, right: &Affine<P>, inverse: P::BaseField) -> Affine<P> {
    if left.x == right.x || left.is_zero() || right.is_zero() {
        return add_of_equal_x(left, right, inverse);
    }
    third_point(left, right, (right.y - left.y) * inverse)
}

#[cold]
fn add_of_equal_x<P: CpuCurve>(
    left: &Affine<P>,
    right: &Affine<P>,
    inverse: P::BaseField,
) -> Affine<P> {
    if left.is_zero() {
        *right
    } else if right.is_zero() {
        *left
    } else if left.y == right.y && !left.y.is_zero() {
        let x_squared = left.x.square();
        let slope = x_squared.double() + x_squared + P::COEFF_A;
        third_point(left, right, slope * inverse)
    } else {
        Affine::identity()
    }
}

/// The reflection of the third point of the curve on the line through both points.
#[inline]
fn third_point<P: CpuCurve>(left: &Affine<P>, right: &Affine<P>, slope: P::BaseField) -> Affine<P> {
    let x = slope.square() - left.x - right.x;
    let y = slope * (left.x - x) - left.y;
    Affine::new_unchecked(x, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G1Projective};
    use ark_ec::CurveGroup;
    use ark_std::UniformRand;
    use ark_std::test_rng;

    #[test]
    fn every_case_of_the_group_law_is_added_correctly() {
        let rng = &mut test_rng();
        let p = G1Projective::rand(rng).into_affine();
        let q = G1Projective::rand(rng).into_affine();
        let zero = G1Affine::identity();
        let cases = [(p, q), (p, p), (p, -p), (p, zero), (zero, q), (zero, zero)];
        let (mut left, right): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        add_assign_all(&mut left, &right, &mut Vec::new());
        for ((a, b), sum) in cases.into_iter().zip(left) {
            assert_eq!(sum, (a + b).into_affine());
        }
    }
}
