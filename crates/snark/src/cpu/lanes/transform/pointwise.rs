//! What is done to each value on its own, before and after the transforms.

use std::array;
use std::marker::PhantomData;

use ark_ff::BigInt;
use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::super::{Ifma, LaneScalar};
use super::butterflies::{Block, TILE_BLOCKS, Tile};
use super::tables::Tables;
use super::{BLOCK, TILE};

/// Tiles that are worth a task of their own.
const TASK_TILES_MIN: usize = 1 << 4;

/// Eight elements, as loaded: below 16 p.
#[inline(always)]
pub(super) fn load<F: LaneScalar>(simd: Ifma, elements: &[F]) -> Block {
    let mut lanes = [&elements[0]; BLOCK];
    for (lane, element) in lanes.iter_mut().zip(elements) {
        *lane = element;
    }
    F::load(simd, lanes)
}

/// Takes values over, as loaded.
pub(super) fn load_all<F: LaneScalar>(
    simd: Ifma,
    tables: &Tables<F>,
    mut values: Vec<F>,
) -> Vec<Tile> {
    values.resize(tables.size(), F::ZERO);
    values
        .par_chunks_exact(TILE)
        .with_min_len(TASK_TILES_MIN)
        .map(|values| simd.vectorize(Load { simd, values }))
        .collect()
}

struct Load<'a, F> {
    simd: Ifma,
    values: &'a [F],
}

impl<F: LaneScalar> NullaryFnOnce for Load<'_, F> {
    type Output = Tile;

    #[inline(always)]
    fn call(self) -> Tile {
        let Self { simd, values } = self;
        let mut tile = [[simd.splat(0); 5]; TILE_BLOCKS];
        for (block, values) in tile.iter_mut().zip(values.chunks_exact(BLOCK)) {
            *block = load(simd, values);
        }
        tile
    }
}

/// The products of values as loaded: below 16 * 16 p / 35 + p, which is less than 16 p.
pub(super) fn multiply_all<F: LaneScalar>(simd: Ifma, a: &[Tile], b: &[Tile]) -> Vec<Tile> {
    a.par_iter()
        .with_min_len(TASK_TILES_MIN)
        .zip(b)
        .map(|(a, b)| simd.vectorize(Multiply::<F> { simd, a, b, field: PhantomData }))
        .collect()
}

struct Multiply<'a, F> {
    simd: Ifma,
    a: &'a Tile,
    b: &'a Tile,
    field: PhantomData<F>,
}

impl<F: LaneScalar> NullaryFnOnce for Multiply<'_, F> {
    type Output = Tile;

    #[inline(always)]
    fn call(self) -> Tile {
        let Self { simd, a, b, .. } = self;
        let mut products = *a;
        for (product, b) in products.iter_mut().zip(b) {
            *product = simd.mul(&F::PRIME, product, b);
        }
        products
    }
}

/// Puts the words of a b - c in the place of a: word by word the integers, where the limbs were.
/// All values are below 4 p.
pub(super) fn subtract_all<F: LaneScalar>(simd: Ifma, a: &mut [Tile], b: &[Tile], c: &[Tile]) {
    a.par_iter_mut().with_min_len(TASK_TILES_MIN).zip(b).zip(c).for_each(|((a, b), c)| {
        simd.vectorize(Subtract::<F> { simd, a, b, c, field: PhantomData });
    });
}

struct Subtract<'a, F> {
    simd: Ifma,
    a: &'a mut Tile,
    b: &'a Tile,
    c: &'a Tile,
    field: PhantomData<F>,
}

impl<F: LaneScalar> NullaryFnOnce for Subtract<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, a, b, c, .. } = self;
        let four = simd.limbs(&const { F::PRIME.multiple(4) });
        for (a, (b, c)) in a.iter_mut().zip(b.iter().zip(c)) {
            let product = simd.mul(&F::PRIME, &simd.carry(*a), &simd.carry(*b));
            let difference = simd.difference(&simd.sum(&product, &four), c);
            let words = F::integers(simd, &simd.carry(difference));
            a[..words.len()].copy_from_slice(&words);
        }
    }
}

/// Value `i` of what [`subtract_all`] left.
pub(crate) fn integer(tiles: &[Tile], i: usize) -> BigInt<4> {
    let blocks: &[[[u64; BLOCK]; 5]; TILE_BLOCKS] = bytemuck::cast_ref(&tiles[i / TILE]);
    let words = &blocks[i % TILE / BLOCK];
    BigInt(array::from_fn(|word| words[word][i % BLOCK]))
}
