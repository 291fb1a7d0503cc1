//! The tables of a domain in the form in which vectors read them.

use std::marker::PhantomData;

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::super::{Ifma, LaneScalar};
use super::butterflies::{Block, Roots, TILE_BLOCKS, Tile};
use super::pointwise::load;
use super::tile::{even_and_odd, transpose};
use super::{BLOCK, TILE};
use crate::cpu::domain::DomainParameters;

/// The tables of a domain: 80 bytes for each of its elements.
#[derive(Clone, Debug)]
pub(crate) struct Tables<F> {
    /// Powers of the root, in bit-reversed order.
    pub(super) roots: RootTable,
    /// Powers of its inverse.
    pub(super) inverse_roots: RootTable,
    /// Powers of the shift over the size of the domain, in bit-reversed order but for tiles,
    /// which are transposed.
    pub(super) shifts: Vec<Tile>,
    field: PhantomData<F>,
}

/// The roots of all levels, in bit-reversed order: those of a level are the first of them.
#[derive(Clone, Debug)]
pub(super) struct RootTable(Vec<Block>);

impl<F: LaneScalar> Tables<F> {
    /// Computes the tables, unless the domain is smaller than a tile.
    pub(crate) fn new(simd: Ifma, parameters: &DomainParameters<F>) -> Option<Self> {
        if parameters.log2 < TILE.ilog2() {
            return None;
        }
        Some(Self {
            roots: RootTable(canonical(simd, &parameters.roots())),
            inverse_roots: RootTable(canonical(simd, &parameters.inverse_roots())),
            shifts: transposed(simd, &canonical(simd, &parameters.shifts())),
            field: PhantomData,
        })
    }

    /// Number of elements of the domain.
    pub(crate) const fn size(&self) -> usize {
        self.shifts.len() * TILE
    }

    /// Memory that the tables take.
    pub(crate) fn bytes(&self) -> u64 {
        let roots = self.roots.0.len() + self.inverse_roots.0.len();
        (size_of_val(self.shifts.as_slice()) + roots * size_of::<Block>()) as u64
    }
}

impl RootTable {
    /// The roots of three levels between whole blocks, of which block `block` of the first level is
    /// transformed.
    #[inline(always)]
    pub(super) fn of_blocks(&self, simd: Ifma, block: usize) -> Roots {
        let mut levels = [self.0[0]; TILE_BLOCKS - 1];
        for (place, root) in (1..).zip(&mut levels) {
            let level = usize::ilog2(place);
            let index = (block << level) + place - (1 << level);
            let lanes: &[[u64; BLOCK]; 5] = bytemuck::cast_ref(&self.0[index / BLOCK]);
            for (limb, lanes) in root.iter_mut().zip(lanes) {
                *limb = simd.splat(lanes[index % BLOCK]);
            }
        }
        Roots { levels, first_is_one: block == 0 }
    }

    /// The roots of the last three levels for a transposed tile.
    #[inline(always)]
    pub(super) fn of_lanes(&self, simd: Ifma, tile: usize) -> Roots {
        let [a, b] = even_and_odd(simd, &self.0[2 * tile], &self.0[2 * tile + 1]);
        let last = &self.0[4 * tile..4 * tile + 4];
        let [even0, odd0] = even_and_odd(simd, &last[0], &last[1]);
        let [even1, odd1] = even_and_odd(simd, &last[2], &last[3]);
        let [c, e] = even_and_odd(simd, &even0, &even1);
        let [d, f] = even_and_odd(simd, &odd0, &odd1);
        Roots { levels: [self.0[tile], a, b, c, d, e, f], first_is_one: false }
    }
}

/// Elements below p in the form of the lanes.
fn canonical<F: LaneScalar>(simd: Ifma, elements: &[F]) -> Vec<Block> {
    elements
        .par_chunks_exact(BLOCK)
        .with_min_len(TILE)
        .map(|elements| simd.vectorize(Canonical { simd, elements }))
        .collect()
}

fn transposed(simd: Ifma, blocks: &[Block]) -> Vec<Tile> {
    blocks
        .par_chunks_exact(TILE_BLOCKS)
        .with_min_len(TILE)
        .map(|blocks| simd.vectorize(Transposed { simd, blocks }))
        .collect()
}

struct Canonical<'a, F> {
    simd: Ifma,
    elements: &'a [F],
}

impl<F: LaneScalar> NullaryFnOnce for Canonical<'_, F> {
    type Output = Block;

    #[inline(always)]
    fn call(self) -> Block {
        let Self { simd, elements } = self;
        F::canonical(simd, &load(simd, elements))
    }
}

struct Transposed<'a> {
    simd: Ifma,
    blocks: &'a [Block],
}

impl NullaryFnOnce for Transposed<'_> {
    type Output = Tile;

    #[inline(always)]
    fn call(self) -> Tile {
        let mut tile = [self.blocks[0]; TILE_BLOCKS];
        tile.copy_from_slice(self.blocks);
        transpose(self.simd, &mut tile);
        tile
    }
}
