//! Affine point additions whose inversions are shared (Montgomery's trick).
//!
//! One affine addition needs one inversion. A batch of them shares one, at three
//! multiplications each, which brings an addition to five multiplications and one squaring.
//! The mixed addition in extended Jacobian coordinates takes eight and two.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{AdditiveGroup, Field, Zero};

use super::curve::CpuCurve;
#[cfg(target_arch = "x86_64")]
use super::lanes::{self, Ifma};

/// Additions that share one inversion.
///
/// An inversion costs about 200 multiplications, or 800 of those that are done side by side:
/// under one a pair here. The operands of 1024 pairs in G1 of BN254 take 160 KiB: they stay in the
/// second-level cache.
pub(crate) const BATCH_PAIRS: usize = 1024;

/// Fewest pairs that are added side by side: with fewer, the inversion is what costs.
#[cfg(target_arch = "x86_64")]
const LANE_PAIRS_MIN: usize = 32;

/// What the forward pass over the pairs leaves for the backward pass.
pub(crate) struct Step<F> {
    /// The product of the denominators of the pairs before.
    before: F,
    /// The denominator of this pair.
    denominator: F,
}

/// Pairs of points that wait to be added together.
///
/// Every case of the group law is handled: points at infinity, doublings and cancellations.
pub(crate) struct PairBatch<P: CpuCurve> {
    left: Vec<Affine<P>>,
    right: Vec<Affine<P>>,
    steps: Vec<Step<P::BaseField>>,
}

impl<P: CpuCurve> PairBatch<P> {
    /// An empty batch with room for [`BATCH_PAIRS`] pairs.
    pub(crate) fn new() -> Self {
        Self {
            left: Vec::with_capacity(BATCH_PAIRS),
            right: Vec::with_capacity(BATCH_PAIRS),
            steps: Vec::with_capacity(BATCH_PAIRS),
        }
    }

    /// Takes in one pair. Returns whether the batch should be added up now.
    #[inline]
    pub(crate) fn push(&mut self, left: Affine<P>, right: Affine<P>) -> bool {
        self.left.push(left);
        self.right.push(right);
        self.left.len() >= BATCH_PAIRS
    }

    /// Adds all pairs up, hands their sums to `take` in the order of their pushes and empties
    /// the batch.
    pub(crate) fn add_up(&mut self, take: impl FnMut(Affine<P>)) {
        add_assign_all(&mut self.left, &self.right, &mut self.steps);
        self.left.drain(..).for_each(take);
        self.right.clear();
    }
}

/// Adds `right[i]` to `left[i]` for every `i` with one inversion. `steps` is scratch space.
pub(crate) fn add_assign_all<P: CpuCurve>(
    left: &mut [Affine<P>],
    right: &[Affine<P>],
    steps: &mut Vec<Step<P::BaseField>>,
) {
    #[cfg(target_arch = "x86_64")]
    if left.len() >= LANE_PAIRS_MIN
        && let Some(simd) = Ifma::try_new()
    {
        return add_assign_in_lanes(simd, left, right, steps);
    }
    add_assign_in_turn(left, right, steps);
}

/// [`add_assign_all`] side by side; pairs that have no slope in turn.
#[cfg(target_arch = "x86_64")]
fn add_assign_in_lanes<P: CpuCurve>(
    simd: Ifma,
    left: &mut [Affine<P>],
    right: &[Affine<P>],
    steps: &mut Vec<Step<P::BaseField>>,
) {
    let leftovers = lanes::add_assign_all(simd, left, right);
    let mut sums: Vec<_> = leftovers.iter().map(|i| left[*i]).collect();
    let terms: Vec<_> = leftovers.iter().map(|i| right[*i]).collect();
    add_assign_in_turn(&mut sums, &terms, steps);
    for (i, sum) in leftovers.into_iter().zip(sums) {
        left[i] = sum;
    }
}

/// [`add_assign_all`] one after the other.
fn add_assign_in_turn<P: CpuCurve>(
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
    use ark_bn254::{G1Affine, G1Projective, g1};
    use ark_ec::short_weierstrass::Projective;
    use ark_ec::{CurveGroup, PrimeGroup};
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

    /// Pairs of every case among many, at sizes that fill and do not fill the last eight lanes.
    fn many_pairs_are_added<P: CpuCurve>() {
        let rng = &mut test_rng();
        let (p, q) = (Projective::<P>::rand(rng), Projective::<P>::rand(rng));
        let zero = Projective::<P>::zero();
        for count in [1, 31, 32, 33, 40, 200] {
            let pair = |i: u64| match i % 11 {
                3 => (p, p),
                5 => (p, -p),
                6 => (p, zero),
                9 => (zero, q),
                _ => (p.mul_bigint([i + 1]), q.mul_bigint([i + 1])),
            };
            let pairs = (0..count).map(pair).map(|(a, b)| (a.into_affine(), b.into_affine()));
            let (mut left, right): (Vec<_>, Vec<_>) = pairs.unzip();
            let expected: Vec<_> =
                left.iter().zip(&right).map(|(a, b)| (*a + *b).into_affine()).collect();
            add_assign_all::<P>(&mut left, &right, &mut Vec::new());
            assert_eq!(left, expected, "{count} pairs");
        }
    }

    #[test]
    fn many_pairs_of_every_case_are_added_correctly_in_every_group() {
        many_pairs_are_added::<g1::Config>();
        many_pairs_are_added::<ark_bn254::g2::Config>();
        many_pairs_are_added::<ark_bls12_381::g1::Config>();
        many_pairs_are_added::<ark_bls12_381::g2::Config>();
    }

    #[test]
    fn a_batch_gives_its_sums_in_the_order_of_its_pairs() {
        let g = G1Projective::generator();
        let mut batch = PairBatch::<g1::Config>::new();
        for k in 1..=3_u64 {
            batch.push((g * ark_bn254::Fr::from(k)).into_affine(), g.into_affine());
        }
        let mut sums = Vec::new();
        batch.add_up(|sum| sums.push(sum));
        let expected: Vec<_> =
            (2..=4_u64).map(|k| (g * ark_bn254::Fr::from(k)).into_affine()).collect();
        assert_eq!(sums, expected);
    }
}
