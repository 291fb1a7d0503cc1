//! Tiles of 64 elements: the six smallest levels of both transforms, and the shifts between them.

use std::arch::x86_64::__m512i;

use pulp::NullaryFnOnce;

use super::super::{Ifma, LaneScalar};
use super::butterflies::{Block, Tile, evaluate, interpolate};
use super::tables::Tables;

/// The last six levels of an interpolation, the shifts, and the first six of an evaluation.
///
/// Three levels are between whole blocks. For the other three the tile is transposed, so that they
/// are between whole blocks too, with a root for each lane.
pub(super) struct MoveTile<'a, F> {
    pub(super) simd: Ifma,
    pub(super) tables: &'a Tables<F>,
    pub(super) tile: &'a mut Tile,
    /// Which tile of the domain it is.
    pub(super) index: usize,
}

impl<F: LaneScalar> NullaryFnOnce for MoveTile<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, tables, tile, index } = self;
        interpolate::<F, _>(simd, tile, &tables.inverse_roots.of_blocks(simd, index));
        transpose(simd, tile);
        interpolate::<F, _>(simd, tile, &tables.inverse_roots.of_lanes(simd, index));
        for (block, shifts) in tile.iter_mut().zip(&tables.shifts[index]) {
            // Below 8 p: the product is below 2 p.
            *block = simd.mul(&F::PRIME, shifts, &simd.carry(*block));
        }
        evaluate::<F, _>(simd, tile, &tables.roots.of_lanes(simd, index));
        transpose(simd, tile);
        evaluate::<F, _>(simd, tile, &tables.roots.of_blocks(simd, index));
    }
}

/// Exchanges blocks and lanes.
#[inline(always)]
pub(super) fn transpose(simd: Ifma, tile: &mut Tile) {
    for limb in 0..tile[0].len() {
        let mut upper = [simd.splat(0); 4];
        let mut lower = upper;
        for i in 0..4 {
            upper[i] = tile[i][limb];
            lower[i] = tile[i + 4][limb];
        }
        let (upper, lower) = (simd.transpose(upper), simd.transpose(lower));
        for i in 0..4 {
            tile[i][limb] = simd.avx512f._mm512_shuffle_i64x2::<0x44>(upper[i], lower[i]);
            tile[i + 4][limb] = simd.avx512f._mm512_shuffle_i64x2::<0xee>(upper[i], lower[i]);
        }
    }
}

/// Of sixteen elements, those at even and those at odd places.
#[inline(always)]
pub(super) fn even_and_odd(simd: Ifma, low: &Block, high: &Block) -> [Block; 2] {
    let even: __m512i = bytemuck::cast([0_u64, 2, 4, 6, 8, 10, 12, 14]);
    let odd: __m512i = bytemuck::cast([1_u64, 3, 5, 7, 9, 11, 13, 15]);
    let mut split = [*low, *low];
    for limb in 0..low.len() {
        split[0][limb] = simd.avx512f._mm512_permutex2var_epi64(low[limb], even, high[limb]);
        split[1][limb] = simd.avx512f._mm512_permutex2var_epi64(low[limb], odd, high[limb]);
    }
    split
}
