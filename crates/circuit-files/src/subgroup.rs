//! Whether many points of a curve are all in its subgroup of prime order.
//!
//! Checking each point by an endomorphism costs as much as a multiplication by a 64 to 128 bit
//! scalar. Random sums are cheaper. Let T be the part of a point P outside the subgroup, so that
//! P is inside exactly if T = 0, and T of a sum of points is the sum of their T. If some T is not
//! zero, then the sum over a random half of all points (each taken or not by a fair coin) is
//! inside with probability at most 1/2: whatever the other coins show, at most one side of that
//! point's coin makes the sum of the T vanish. This holds for every cofactor, also for those of
//! BLS12-381, which have the factors 3 and 13.
//!
//! [`SUMS`] such sums are checked, so a bad key passes with probability at most 2^-96. They cost
//! few additions each: in one pass a point gets b coins at once, which are the number of a bucket
//! that it is added to. Sum j of the pass is then the sum of the buckets with bit j set.
//!
//! The coins are SHA-256 of the file's digest, the section and a counter, so no generator of
//! randomness is needed and a key is judged alike everywhere. The digest commits to all points
//! before any coin is known (Fiat and Shamir), so that whoever makes a bad key can only try files
//! until one passes: 2^96 tries on average, each of which costs a hash of the file.

use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use zkpool_types::Sha256Digest;

use crate::point::FilePoint;
use crate::points::Points;

/// Random sums that are checked for each group of points.
const SUMS: u32 = 96;

/// Coins per point and pass, at most: 4096 buckets stay within the caches.
const COINS_MAX: u32 = 12;

/// Below this many points each is checked by itself, which is then cheaper.
const BATCH_MIN: usize = 256;

/// What the coins of one section are drawn from.
pub(crate) struct Seed(Sha256);

impl Seed {
    /// The seed of a section of the file with this digest.
    pub(crate) fn new(file: &Sha256Digest, section: u32) -> Self {
        let mut hasher = Sha256::new_with_prefix(file.as_bytes());
        hasher.update(section.to_le_bytes());
        Self(hasher)
    }

    /// Sixteen coins each for sixteen points, those from 16 * `block` on, in this pass.
    fn coins(&self, pass: u32, block: u32) -> [u16; 16] {
        let mut hasher = self.0.clone();
        hasher.update(pass.to_le_bytes());
        hasher.update(block.to_le_bytes());
        let bytes: [u8; 32] = hasher.finalize().into();
        let mut coins = [0; 16];
        for (coin, pair) in coins.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *coin = u16::from_le_bytes(*pair);
        }
        coins
    }
}

/// Checks that all `points`, each of which is on the curve, are in the subgroup.
///
/// # Errors
/// The index of the first point outside the subgroup.
pub(crate) fn check<P: FilePoint>(points: &Points<P>, seed: &Seed) -> Result<(), usize> {
    if P::COFACTOR_IS_ONE || (points.len() >= BATCH_MIN && sums_are_inside(points, seed)) {
        return Ok(());
    }
    // Few points, or a bad one among many, which is worth finding.
    first_outside(points).map_or(Ok(()), Err)
}

fn first_outside<P: FilePoint>(points: &Points<P>) -> Option<usize> {
    points.par_iter().position_first(|point| !point.is_in_subgroup())
}

/// Whether all random sums of the points are in the subgroup.
fn sums_are_inside<P: FilePoint>(points: &Points<P>, seed: &Seed) -> bool {
    // At most one bucket for sixteen points, so that buckets stay small beside the points.
    let coins = points.len().ilog2().saturating_sub(4).clamp(1, COINS_MAX);
    let passes = SUMS.div_ceil(coins);
    (0..passes).into_par_iter().all(|pass| {
        let sums = random_sums(points, seed, pass, coins);
        P::Group::normalize_batch(&sums).iter().all(FilePoint::is_in_subgroup)
    })
}

/// `coins` sums, each over its own random half of the points.
fn random_sums<P: FilePoint>(
    points: &Points<P>,
    seed: &Seed,
    pass: u32,
    coins: u32,
) -> Vec<P::Group> {
    let mut buckets = vec![P::Group::zero(); 1 << coins];
    let mask = buckets.len() - 1;
    for (block, words) in (0..).zip(points.words().chunks(16 * P::WORDS)) {
        let points = words.chunks_exact(P::WORDS).map(P::from_words);
        for (point, coin) in points.zip(seed.coins(pass, block)) {
            if let Some(bucket) = buckets.get_mut(usize::from(coin) & mask) {
                *bucket += point;
            }
        }
    }
    (0..coins).map(|_| take_upper_half(&mut buckets)).collect()
}

/// The sum of the buckets whose highest bit is set, which are then folded onto the others.
fn take_upper_half<G: AdditiveGroup>(buckets: &mut Vec<G>) -> G {
    let upper = buckets.split_off(buckets.len() / 2);
    for (low, high) in buckets.iter_mut().zip(&upper) {
        *low += high;
    }
    upper.iter().sum()
}

#[cfg(test)]
mod tests {

    use ark_bls12_381 as bls;
    use ark_bn254 as bn;
    use ark_ec::AffineRepr;
    use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
    use ark_ff::AdditiveGroup;

    use super::*;

    /// Enough points for the sums to be used.
    const MANY: usize = 3000;

    fn seed() -> Seed {
        Seed::new(&Sha256Digest::of(b"key"), 7)
    }

    fn members<P: AffineRepr>(count: usize) -> Vec<P> {
        let mut point = P::generator().into_group();
        let multiples = std::iter::repeat_with(|| {
            point.double_in_place();
            point
        });
        P::Group::normalize_batch(&multiples.take(count).collect::<Vec<_>>())
    }

    fn outsider<C: SWCurveConfig>() -> Affine<C>
    where
        Affine<C>: FilePoint,
    {
        (1u64..)
            .filter_map(|x| Affine::get_point_from_x_unchecked(C::BaseField::from(x), true))
            .find(|point| !point.is_in_subgroup())
            .unwrap()
    }

    fn one_outsider_is_found<C: SWCurveConfig>(outsider: Affine<C>)
    where
        Affine<C>: FilePoint,
    {
        let mut points = members(MANY);
        assert!(sums_are_inside(&points.clone().into(), &seed()));
        for index in [0, 15, 16, MANY - 1] {
            let member = std::mem::replace(&mut points[index], outsider);
            assert!(!sums_are_inside(&points.clone().into(), &seed()));
            assert_eq!(check(&points.clone().into(), &seed()), Err(index));
            points[index] = member;
        }
        assert_eq!(check(&points.into(), &seed()), Ok(()));
    }

    #[test]
    fn one_point_outside_the_subgroup_is_rejected() {
        one_outsider_is_found(outsider::<bn::g2::Config>());
        one_outsider_is_found(outsider::<bls::g1::Config>());
        one_outsider_is_found(outsider::<bls::g2::Config>());
    }

    #[test]
    fn a_point_of_order_three_is_rejected() {
        one_outsider_is_found(bls::G1Affine::new_unchecked(bls::Fq::ZERO, bls::Fq::from(2u64)));
    }

    #[test]
    fn points_that_cancel_out_are_rejected() {
        let outsider = outsider::<bn::g2::Config>();
        let mut points = members(MANY);
        points[4] = outsider;
        points[5] = -outsider;
        assert_eq!(check(&points.into(), &seed()), Err(4));
    }

    #[test]
    fn few_points_are_checked_each() {
        let outsider = outsider::<bn::g2::Config>();
        assert_eq!(check(&vec![outsider].into(), &seed()), Err(0));
        assert_eq!(check::<bn::G2Affine>(&Points::default(), &seed()), Ok(()));
    }

    #[test]
    fn every_point_of_g1_of_bn254_is_a_member() {
        const { assert!(bn::G1Affine::COFACTOR_IS_ONE && !bn::G2Affine::COFACTOR_IS_ONE) };
    }
}
