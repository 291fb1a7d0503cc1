//! Up to three levels of a transform over data of any size.

use std::marker::PhantomData;

use pulp::NullaryFnOnce;

use super::super::{Ifma, LaneScalar};
use super::PARALLEL_BLOCKS;
use super::butterflies::{Block, Tile, evaluate, interpolate};
use super::tables::RootTable;

/// Levels between the halves, quarters or eighths of data, its columns.
#[derive(Clone, Copy)]
pub(super) enum Pass {
    Interpolation,
    Evaluation,
}

impl Pass {
    /// Does the levels of block `block` of the first of them.
    pub(super) fn run<F: LaneScalar, const RADIX: usize>(
        self,
        simd: Ifma,
        roots: &RootTable,
        tiles: &mut [Tile],
        block: usize,
    ) {
        let blocks = tiles.as_flattened_mut();
        let mut parts = blocks.chunks_exact_mut(blocks.len() / RADIX);
        let columns = [(); RADIX].map(|()| parts.next().unwrap_or_default());
        let work = Work::<F> { pass: self, simd, roots, block, field: PhantomData };
        work.on(columns);
    }
}

#[derive(Clone, Copy)]
struct Work<'a, F> {
    pass: Pass,
    simd: Ifma,
    roots: &'a RootTable,
    block: usize,
    field: PhantomData<F>,
}

impl<F: LaneScalar> Work<'_, F> {
    fn on<const RADIX: usize>(self, columns: [&mut [Block]; RADIX]) {
        if columns[0].len() * RADIX <= PARALLEL_BLOCKS {
            return self.simd.vectorize(Rows { work: self, columns });
        }
        let (upper, lower) = halves(columns);
        rayon::join(|| self.on(upper), || self.on(lower));
    }
}

/// The first and the last rows of columns.
fn halves<const RADIX: usize>(
    columns: [&mut [Block]; RADIX],
) -> ([&mut [Block]; RADIX], [&mut [Block]; RADIX]) {
    let mut lower = [(); RADIX].map(|()| <&mut [Block]>::default());
    let mut lowers = lower.iter_mut();
    let upper = columns.map(|column| {
        let (first, last) = column.split_at_mut(column.len() / 2);
        if let Some(lower) = lowers.next() {
            *lower = last;
        }
        first
    });
    (upper, lower)
}

struct Rows<'a, F, const RADIX: usize> {
    work: Work<'a, F>,
    columns: [&'a mut [Block]; RADIX],
}

impl<F: LaneScalar, const RADIX: usize> NullaryFnOnce for Rows<'_, F, RADIX> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { work: Work { pass, simd, roots, block, .. }, mut columns } = self;
        let roots = roots.of_blocks(simd, block);
        for i in 0..columns[0].len() {
            let mut row = row(&columns, i);
            match pass {
                Pass::Interpolation => interpolate::<F, RADIX>(simd, &mut row, &roots),
                Pass::Evaluation => evaluate::<F, RADIX>(simd, &mut row, &roots),
            }
            for (column, block) in columns.iter_mut().zip(&row) {
                column[i] = *block;
            }
        }
    }
}

/// The blocks at the same place of all columns.
#[inline(always)]
fn row<const RADIX: usize>(columns: &[&mut [Block]; RADIX], i: usize) -> [Block; RADIX] {
    let mut row = [columns[0][i]; RADIX];
    for (block, column) in row.iter_mut().zip(columns) {
        *block = column[i];
    }
    row
}
