//! Affine additions of many pairs of points, eight of them side by side.

use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::Field;
use pulp::NullaryFnOnce;

use super::{Ifma, LaneField};

/// Points that are added side by side.
const LANES: usize = 8;

/// Chains of products, each of which waits for its last one: with two, the multipliers have work
/// while one chain waits.
const CHAINS: usize = 2;

/// Adds `right[i]` to `left[i]` with one inversion for all `i`, but for those that it returns:
/// pairs with equal x or a point at infinity, which are left as they were.
pub(crate) fn add_assign_all<P>(
    simd: Ifma,
    left: &mut [Affine<P>],
    right: &[Affine<P>],
) -> Vec<usize>
where
    P: SWCurveConfig<BaseField: LaneField>,
{
    simd.vectorize(Additions { simd, left, right })
}

struct Additions<'a, P: SWCurveConfig> {
    simd: Ifma,
    left: &'a mut [Affine<P>],
    right: &'a [Affine<P>],
}

/// Eight pairs.
struct Group<'a, P: SWCurveConfig> {
    left: [&'a Affine<P>; LANES],
    right: [&'a Affine<P>; LANES],
    /// Lanes that are not added: they have no pair of their own, or one for which there is no
    /// slope.
    skipped: u8,
}

/// The difference of the x of some pairs, with something else in the lanes that are skipped.
struct Denominators<P: SWCurveConfig<BaseField: LaneField>> {
    lanes: <P::BaseField as LaneField>::Lanes,
    left_x: <P::BaseField as LaneField>::Lanes,
    right_x: <P::BaseField as LaneField>::Lanes,
    skipped: u8,
}

impl<P: SWCurveConfig<BaseField: LaneField>> NullaryFnOnce for Additions<'_, P> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn call(self) -> Vec<usize> {
        let Self { simd, left, right } = self;
        let groups = left.len().min(right.len()).div_ceil(LANES);
        let one = P::BaseField::load(simd, [&P::BaseField::ONE; LANES]);
        let mut products = [P::BaseField::shrink(simd, &one); CHAINS];
        let mut before = Vec::with_capacity(groups);
        for index in 0..groups {
            let denominators = denominators(simd, &group(left, right, index));
            let product = &mut products[index % CHAINS];
            before.push(*product);
            *product = P::BaseField::mul(simd, product, &denominators.lanes);
        }
        let mut inverses = invert_all::<P::BaseField>(simd, &products);
        let mut leftovers = Vec::new();
        for (index, before) in before.iter().enumerate().rev() {
            let group = group(left, right, index);
            let denominators = denominators(simd, &group);
            let rest = &mut inverses[index % CHAINS];
            let inverse = P::BaseField::mul(simd, rest, before);
            *rest = P::BaseField::mul(simd, rest, &denominators.lanes);
            let sums = add(simd, &group, &denominators, &inverse);
            for (lane, (i, sum)) in (index * LANES..left.len()).zip(sums).enumerate() {
                if denominators.skipped & (1 << lane) == 0 {
                    left[i] = sum;
                } else {
                    leftovers.push(i);
                }
            }
        }
        leftovers
    }
}

/// Group `index`; its first pair stands in the lanes behind the last pair.
#[inline(always)]
fn group<'a, P: SWCurveConfig>(
    left: &'a [Affine<P>],
    right: &'a [Affine<P>],
    index: usize,
) -> Group<'a, P> {
    let start = index * LANES;
    let (left, right) = (&left[start..], &right[start..]);
    let mut group = Group { left: [&left[0]; LANES], right: [&right[0]; LANES], skipped: 0xff };
    for (lane, (left, right)) in left.iter().zip(right).take(LANES).enumerate() {
        group.left[lane] = left;
        group.right[lane] = right;
        if !left.is_zero() && !right.is_zero() {
            group.skipped &= !(1 << lane);
        }
    }
    group
}

#[inline(always)]
fn denominators<P>(simd: Ifma, group: &Group<'_, P>) -> Denominators<P>
where
    P: SWCurveConfig<BaseField: LaneField>,
{
    let left_x = P::BaseField::load(simd, group.left.map(|point| &point.x));
    let right_x = P::BaseField::load(simd, group.right.map(|point| &point.x));
    let lanes = P::BaseField::difference(simd, &right_x, &left_x);
    let skipped = group.skipped | P::BaseField::may_be_zero(simd, &lanes);
    Denominators { lanes: P::BaseField::replace(simd, skipped, &lanes), left_x, right_x, skipped }
}

/// The sums of all pairs, given the inverse of their denominators.
#[inline(always)]
fn add<P>(
    simd: Ifma,
    group: &Group<'_, P>,
    denominators: &Denominators<P>,
    inverse: &<P::BaseField as LaneField>::Lanes,
) -> [Affine<P>; LANES]
where
    P: SWCurveConfig<BaseField: LaneField>,
{
    let Denominators { left_x, right_x, .. } = denominators;
    let left_y = P::BaseField::load(simd, group.left.map(|point| &point.y));
    let right_y = P::BaseField::load(simd, group.right.map(|point| &point.y));
    let rise = P::BaseField::difference(simd, &right_y, &left_y);
    let slope = P::BaseField::mul(simd, inverse, &rise);
    let square = <P::BaseField as LaneField>::square(simd, &slope);
    let x = P::BaseField::subtract_both(simd, &square, left_x, right_x);
    let run = P::BaseField::difference(simd, left_x, &x);
    let fall = P::BaseField::mul(simd, &slope, &run);
    let y = P::BaseField::difference(simd, &fall, &left_y);
    let (x, y) = (P::BaseField::store(simd, &x), P::BaseField::store(simd, &y));
    let mut sums = [Affine::identity(); LANES];
    for (sum, (x, y)) in sums.iter_mut().zip(x.into_iter().zip(y)) {
        *sum = Affine::new_unchecked(x, y);
    }
    sums
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
