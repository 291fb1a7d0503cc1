//! The sums of buckets: of the bases whose scalars have the same digit in the same window.
//!
//! The terms of some windows are cut into tasks of one size, wherever buckets begin and end, so that
//! every distribution of scalars keeps all threads busy. A task adds the terms of each bucket up in
//! pairs, level by level, while they are in the cache.

use std::ops::Range;

use ark_ec::short_weierstrass::Affine;
use rayon::prelude::*;
use zkpool_circuit_files::FilePoint;

use super::bases::CpuBases;
use super::curve::CpuCurve;
use super::scalars::{CpuScalars, Window};
use super::sums::{Arithmetic, Operand, Pair, Sums};

/// Bytes of bases that a task reads: they and its sums stay in the second-level cache.
const TASK_BYTES: usize = 1 << 19;

/// With fewer pairs than that a task leaves the rest to whoever joins the tasks: an inversion costs
/// as much as a few hundred additions, whatever they are.
const PAIRS_MIN: usize = 192;

/// Some of the terms of a window.
struct Piece<'a> {
    index: usize,
    window: &'a Window,
    from: usize,
    to: usize,
}

/// A number that stands for a bucket, and the position of a sum that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The window above the digit, which has as many bits as the width of the windows.
    pub(crate) bucket: u32,
    pub(crate) position: u32,
}

/// Sums that belong to buckets, in the order of these, not all of them added up.
pub(crate) struct Partial<P> {
    pub(crate) sums: Sums<P>,
    pub(crate) entries: Vec<Entry>,
}

/// The sums of the buckets of some windows, task by task.
pub(crate) fn partial_sums<P: CpuCurve>(
    arithmetic: Arithmetic,
    bases: &CpuBases<P>,
    scalars: &CpuScalars<P::ScalarField>,
    windows: Range<usize>,
) -> Vec<Partial<P>> {
    let tasks = tasks(scalars.windows(), windows, TASK_BYTES / Affine::<P>::BYTES);
    let tasks = tasks.into_par_iter().with_max_len(1);
    tasks.map(|pieces| Task::new(bases, &pieces, scalars.width()).run(arithmetic, bases)).collect()
}

/// Cuts windows into tasks of up to `terms` terms.
fn tasks(windows: &[Window], range: Range<usize>, terms: usize) -> Vec<Vec<Piece<'_>>> {
    let mut tasks = Vec::new();
    let mut task = Vec::new();
    let mut room = terms;
    for (index, window) in windows.iter().enumerate().take(range.end).skip(range.start) {
        let mut from = 0;
        while from < window.scalars.len() {
            let to = window.scalars.len().min(from + room);
            task.push(Piece { index, window, from, to });
            room -= to - from;
            from = to;
            if room == 0 {
                tasks.push(std::mem::take(&mut task));
                room = terms;
            }
        }
    }
    tasks.push(task);
    tasks
}

/// The sums of a bucket that are still to be added up: `length` of them, `stride` apart.
#[derive(Clone, Copy)]
struct Run {
    bucket: u32,
    start: u32,
    length: u32,
}

/// What a task adds up first.
#[derive(Default)]
struct Task {
    /// Terms that are added in pairs.
    pairs: Vec<Pair>,
    /// Terms that have no other in their bucket.
    singles: Vec<Pair>,
    runs: Vec<Run>,
    positions: u32,
}

impl Task {
    fn new<P: CpuCurve>(bases: &CpuBases<P>, pieces: &[Piece<'_>], width: usize) -> Self {
        let mut task = Self::default();
        for Piece { index, window, from, to } in pieces {
            let mut start = *from;
            let first = window.ends.partition_point(|end| *end as usize <= start);
            for (digit, end) in (1..).zip(&window.ends).skip(first) {
                if start >= *to {
                    break;
                }
                let end = (*end as usize).min(*to);
                let scalars = window.scalars.get(start..end).unwrap_or_default();
                // There are at most 256 windows of 16 bits.
                let bucket = (u32::try_from(*index).unwrap_or(u32::MAX) << width) | digit;
                task.push(bucket, scalars.iter().filter_map(|scalar| bases.term(*scalar)));
                start = end;
            }
        }
        task
    }

    #[inline]
    fn push(&mut self, bucket: u32, mut terms: impl Iterator<Item = u32>) {
        let start = self.positions;
        while let Some(left) = terms.next() {
            let into = self.positions;
            match terms.next() {
                Some(right) => self.pairs.push(Pair { left, right, into }),
                None => self.singles.push(Pair { left, right: left, into }),
            }
            self.positions += 1;
        }
        if self.positions > start {
            self.runs.push(Run { bucket, start, length: self.positions - start });
        }
    }

    fn run<P: CpuCurve>(mut self, arithmetic: Arithmetic, bases: &CpuBases<P>) -> Partial<P> {
        let mut sums = Sums::new(arithmetic, self.positions as usize);
        sums.add([Operand::Base; 2], bases.points(), &self.pairs);
        sums.take(bases.points(), &self.singles);
        let mut stride = 1;
        loop {
            self.pairs.clear();
            self.runs.iter().for_each(|run| run.pair_up(stride, &mut self.pairs));
            if self.pairs.len() < PAIRS_MIN {
                break;
            }
            sums.add_sums(&self.pairs);
            self.runs.iter_mut().for_each(|run| run.length = run.length.div_ceil(2));
            stride *= 2;
        }
        // What was added up on the way takes many times as much memory as what is left.
        let count = self.runs.iter().map(|run| run.length as usize).sum();
        let mut left = Sums::with_capacity(arithmetic, count);
        let mut entries = Vec::with_capacity(count);
        for entry in self.runs.iter().flat_map(|run| run.entries(stride)) {
            let position = left.push(&sums, entry.position);
            entries.push(Entry { position, ..entry });
        }
        Partial { entries, sums: left }
    }
}

impl Run {
    #[inline]
    fn pair_up(self, stride: u32, pairs: &mut Vec<Pair>) {
        for j in 0..self.length / 2 {
            let left = self.start + 2 * j * stride;
            pairs.push(Pair { left, right: left + stride, into: left });
        }
    }

    fn entries(self, stride: u32) -> impl Iterator<Item = Entry> {
        let Self { bucket, start, length } = self;
        (0..length).map(move |j| Entry { bucket, position: start + j * stride })
    }
}
