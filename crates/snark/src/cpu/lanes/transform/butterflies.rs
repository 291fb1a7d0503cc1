//! Up to three levels of a transform at a time, between vectors of eight elements.
//!
//! Inside the transforms, elements have signed limbs of up to 56 bits and a sign: carries wait
//! for the next product, which reads 52. The bounds below are for R of at least 35 p.

use super::super::prime::Limbs;
use super::super::{Ifma, LaneScalar};

/// Eight elements.
pub(super) type Block = Limbs<5>;

/// Blocks that stay in the first-level cache, or the elements that stand for them across lanes.
pub(super) const TILE_BLOCKS: usize = 8;

/// Eight blocks.
pub(crate) type Tile = [Block; TILE_BLOCKS];

/// Roots of three levels: level l, counted from the one of the largest distance, has its 2^l from
/// place 2^l - 1 on.
pub(super) struct Roots {
    pub(super) levels: [Block; 7],
    /// Whether the first of each level is 1 in all lanes.
    pub(super) first_is_one: bool,
}

/// The same multiple of p in every lane.
macro_rules! multiple {
    ($simd:expr, $field:ty, $factor:expr) => {
        $simd.limbs(&const { <$field>::PRIME.multiple($factor) })
    };
}

/// Levels of Cooley and Tukey, from the largest distance on: (x, y) becomes (x + root y,
/// x - root y).
///
/// Takes elements below 16 p, the limbs of which may be the sum of seven numbers of 52 bits or
/// miss three of them, and returns such elements below 8 p.
///
/// Only the first value goes through all levels without being multiplied, and every result is it
/// and as many products, below 2 p, or 2 p less a product, as there are levels: 1.4 p + 3 * 2 p.
/// The other factors are below 16 p + 2 * 2 p, so that the products are below 20 p / 35 + p.
#[inline(always)]
pub(super) fn interpolate<F: LaneScalar, const RADIX: usize>(
    simd: Ifma,
    values: &mut [Block; RADIX],
    roots: &Roots,
) {
    values[0] = reduce::<F>(simd, &values[0]);
    let mut blocks = 1;
    while blocks < RADIX {
        let distance = RADIX / (2 * blocks);
        for block in 0..blocks {
            let root = roots.root(blocks, block);
            for i in 2 * block * distance..(2 * block + 1) * distance {
                let (x, y) = (values[i], simd.carry(values[i + distance]));
                let product = multiply::<F>(simd, &y, root);
                values[i] = simd.sum(&x, &product);
                let complement = simd.difference(&multiple!(simd, F, 2), &product);
                values[i + distance] = simd.sum(&x, &complement);
            }
        }
        blocks *= 2;
    }
}

/// Levels of Gentleman and Sande, from the smallest distance on: (x, y) becomes (x + y,
/// root (x - y)).
///
/// Takes elements below 4 p with limbs of at most 53 bits and returns such elements.
///
/// Sums double from level to level: to 32 p, and so do the multiples of p that keep differences
/// positive. The products of these differences are below 32 p / 35 + p. Values that were not
/// multiplied in the last two levels are reduced at the end: the first, and the second of eight.
#[inline(always)]
pub(super) fn evaluate<F: LaneScalar, const RADIX: usize>(
    simd: Ifma,
    values: &mut [Block; RADIX],
    roots: &Roots,
) {
    let offsets = const { [F::PRIME.multiple(4), F::PRIME.multiple(8), F::PRIME.multiple(16)] };
    let mut blocks = RADIX / 2;
    for offset in offsets.iter().take(RADIX.ilog2() as usize) {
        let distance = RADIX / (2 * blocks);
        for block in 0..blocks {
            let root = roots.root(blocks, block);
            for i in 2 * block * distance..(2 * block + 1) * distance {
                let (x, y) = (values[i], values[i + distance]);
                values[i] = simd.sum(&x, &y);
                let difference = simd.sum(&simd.difference(&x, &y), &simd.limbs(offset));
                values[i + distance] = multiply::<F>(simd, &simd.carry(difference), root);
            }
        }
        blocks /= 2;
    }
    for value in values.iter_mut().take(RADIX.div_ceil(4)) {
        *value = reduce::<F>(simd, value);
    }
}

impl Roots {
    /// The root of a block of the level that has so many, unless it is 1.
    #[inline(always)]
    fn root(&self, blocks: usize, block: usize) -> Option<&Block> {
        (block > 0 || !self.first_is_one).then_some(&self.levels[blocks - 1 + block])
    }
}

/// The product with a root, below 2 p for a value below 34 p; without one, the value itself below
/// 1.4 p. Limbs of 52 bits.
#[inline(always)]
fn multiply<F: LaneScalar>(simd: Ifma, value: &Block, root: Option<&Block>) -> Block {
    match root {
        Some(root) => simd.mul(&F::PRIME, root, value),
        None => reduce::<F>(simd, value),
    }
}

/// The same residue below 1.4 p, with its limbs at 52 bits, of an element below 34 p.
#[inline(always)]
fn reduce<F: LaneScalar>(simd: Ifma, value: &Block) -> Block {
    simd.reduce(&F::PRIME, simd.sum(value, &multiple!(simd, F, 1)))
}
