//! The sum of buckets times their digits, in affine additions.
//!
//! With A_i the sum of bucket i, sum i A_i = sum of the A_i with odd i, and twice the sum of
//! i (A_2i + A_2i+1). That is one halving of the buckets and a sum for each bit of a digit, and all
//! of these sums, of some windows, are halved in step, so that they share their inversions.

use std::ops::Range;

use ark_ec::short_weierstrass::Affine;

use super::buckets::{Entry, Partial};
use super::curve::CpuCurve;
use super::sums::{Arithmetic, Pair, Sums};

/// A point, and the bit of the scalars that it belongs to.
pub(crate) type WeightedPoint<P> = (usize, Affine<P>);

/// The points whose sum, each times the power of two of its bit, is that of the buckets of some
/// windows.
pub(crate) fn weigh<P: CpuCurve>(
    arithmetic: Arithmetic,
    partials: Vec<Partial<P>>,
    windows: Range<usize>,
    width: usize,
) -> Vec<WeightedPoint<P>> {
    Weighing::new(arithmetic, partials, windows, width).run()
}

/// The buckets of some windows on their way to one point for each bit.
struct Weighing<P> {
    sums: Sums<P>,
    /// The sums that are still weighed, in the order of their buckets.
    entries: Vec<Entry>,
    /// For each bit from `first_bit` on, the sums that belong to it.
    lists: Vec<Vec<u32>>,
    first_window: usize,
    width: usize,
    pairs: Vec<Pair>,
}

impl<P: CpuCurve> Weighing<P> {
    fn new(
        arithmetic: Arithmetic,
        partials: Vec<Partial<P>>,
        windows: Range<usize>,
        width: usize,
    ) -> Self {
        let count = partials.iter().map(|partial| partial.entries.len()).sum();
        let mut sums = Sums::with_capacity(arithmetic, count);
        let mut entries = Vec::with_capacity(count);
        for partial in partials {
            for entry in &partial.entries {
                let position = sums.push(&partial.sums, entry.position);
                entries.push(Entry { position, ..*entry });
            }
        }
        let lists = vec![Vec::new(); windows.len() * width];
        Self { sums, entries, lists, first_window: windows.start, width, pairs: Vec::new() }
    }

    fn run(mut self) -> Vec<WeightedPoint<P>> {
        while self.join_equal() {
            self.add();
        }
        for bit in 0..self.width {
            self.halve_lists();
            self.take_odd(bit);
            self.join_equal();
            self.add();
        }
        while self.halve_lists() {
            self.add();
        }
        let first_bit = self.first_window * self.width;
        let lists = (first_bit..).zip(&self.lists);
        let points = lists.filter_map(|(bit, list)| Some((bit, self.sums.point(*list.first()?))));
        points.collect()
    }

    /// Pairs neighbours of one bucket. Returns whether there were any.
    fn join_equal(&mut self) -> bool {
        let pairs = &mut self.pairs;
        let before = pairs.len();
        self.entries.dedup_by(|right, left| {
            let pair = Pair { left: left.position, right: right.position, into: left.position };
            // A sum is in one pair at a time.
            let joins = left.bucket == right.bucket
                && pairs.last().is_none_or(|last| last.into != left.position);
            if joins {
                pairs.push(pair);
            }
            joins
        });
        pairs.len() > before
    }

    /// Puts the sums of odd buckets to the list of a bit, and halves the number of every bucket.
    fn take_odd(&mut self, bit: usize) {
        let rest = self.width - bit;
        let mut kept = Vec::with_capacity(self.entries.len());
        for (i, entry) in self.entries.iter().enumerate() {
            let half = entry.bucket >> 1;
            // The digit is what is below the window.
            let remains = half & ((1 << (rest - 1)) - 1) != 0;
            if entry.bucket & 1 == 1 {
                let before = i.checked_sub(1).and_then(|i| self.entries.get(i));
                let is_right_operand = before.is_some_and(|left| left.bucket >> 1 == half);
                let position = if remains && !is_right_operand {
                    self.sums.duplicate(entry.position)
                } else {
                    entry.position
                };
                let window = (entry.bucket >> rest) as usize - self.first_window;
                if let Some(list) = self.lists.get_mut(window * self.width + bit) {
                    list.push(position);
                }
            }
            if remains {
                kept.push(Entry { bucket: half, ..*entry });
            }
        }
        self.entries = kept;
    }

    /// Pairs the sums of each list. Returns whether there were any.
    fn halve_lists(&mut self) -> bool {
        let before = self.pairs.len();
        for list in &mut self.lists {
            self.pairs.extend(list.as_chunks::<2>().0.iter().map(|[left, right]| Pair {
                left: *left,
                right: *right,
                into: *left,
            }));
            let mut at = 0..;
            list.retain(|_| at.next().is_some_and(|i: usize| i.is_multiple_of(2)));
        }
        self.pairs.len() > before
    }

    fn add(&mut self) {
        self.sums.add_sums(&self.pairs);
        self.pairs.clear();
    }
}
