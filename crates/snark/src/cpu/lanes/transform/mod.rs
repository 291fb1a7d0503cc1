//! The transforms of a quotient, eight elements at a time.
//!
//! As in turn, values are interpolated to coefficients in bit-reversed order, these are multiplied
//! by powers of the shift, and evaluated back to natural order. Both transforms are one recursion:
//! it does up to three levels of the first between the eighths of the data, moves each eighth to
//! the coset, and does the levels of the second between them. Data that fit a cache are thus read
//! from the caches beyond it once, whatever their sizes. At the bottom of the recursion is a tile
//! of 64 elements.
//!
//! An element takes 40 bytes: five limbs of 52 bits, kept limb by limb in blocks of eight.

mod butterflies;
mod pass;
mod pointwise;
mod tables;
mod tile;

use rayon::prelude::*;

use super::{Ifma, LaneScalar};
use butterflies::TILE_BLOCKS;
use pass::Pass;
use pointwise::{load_all, multiply_all, subtract_all};
use tile::MoveTile;

pub(crate) use butterflies::Tile;
pub(crate) use pointwise::integer;
pub(crate) use tables::Tables;

/// Elements of a block.
const BLOCK: usize = 8;

/// Elements of a tile.
const TILE: usize = TILE_BLOCKS * BLOCK;

/// Above this many blocks, 4096 elements, data are worth splitting over threads.
const PARALLEL_BLOCKS: usize = 1 << 9;

/// The values of A B - C on the coset from those of A and B on the domain, where those of C are
/// their products. [`integer`] reads them.
pub(crate) fn quotient<F: LaneScalar>(
    simd: Ifma,
    tables: &Tables<F>,
    [a, b]: [Vec<F>; 2],
) -> Vec<Tile> {
    let (mut a, mut b) = (load_all(simd, tables, a), load_all(simd, tables, b));
    let mut c = multiply_all::<F>(simd, &a, &b);
    let shift = |values: &mut [_]| to_coset(simd, tables, values, 0);
    rayon::join(|| shift(&mut c), || rayon::join(|| shift(&mut a), || shift(&mut b)));
    subtract_all::<F>(simd, &mut a, &b, &c);
    a
}

/// Turns values on the domain into values on the coset, below 4 p.
///
/// `tiles` is the whole domain, or block `block` of a level.
fn to_coset<F: LaneScalar>(simd: Ifma, tables: &Tables<F>, tiles: &mut [Tile], block: usize) {
    if let [tile] = tiles {
        return simd.vectorize(MoveTile { simd, tables, tile, index: block });
    }
    let levels = tiles.len().ilog2();
    // Three levels at a time, and two rather than one at the end.
    match if levels.is_multiple_of(3) { 3 } else { levels.min(2) } {
        1 => to_coset_by::<F, 2>(simd, tables, tiles, block),
        2 => to_coset_by::<F, 4>(simd, tables, tiles, block),
        _ => to_coset_by::<F, 8>(simd, tables, tiles, block),
    }
}

fn to_coset_by<F: LaneScalar, const RADIX: usize>(
    simd: Ifma,
    tables: &Tables<F>,
    tiles: &mut [Tile],
    block: usize,
) {
    let length = tiles.len() / RADIX;
    Pass::Interpolation.run::<F, RADIX>(simd, &tables.inverse_roots, tiles, block);
    let part = |(i, part): (usize, &mut [Tile])| to_coset(simd, tables, part, RADIX * block + i);
    if tiles.len() * TILE_BLOCKS > PARALLEL_BLOCKS {
        tiles.par_chunks_exact_mut(length).enumerate().for_each(part);
    } else {
        tiles.chunks_exact_mut(length).enumerate().for_each(part);
    }
    Pass::Evaluation.run::<F, RADIX>(simd, &tables.roots, tiles, block);
}
