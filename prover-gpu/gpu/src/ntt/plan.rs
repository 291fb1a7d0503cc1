//! How the stages of a transform are shared by its passes.

/// Butterflies of one dispatch at most. One costs a tenth of the addition of two points, so that
/// these take about as long as the additions of one dispatch of a multiplication.
const BUTTERFLIES_MAX: u64 = 1 << 27;

/// The products of the values of A and B are C's at first.
const PRODUCT: u32 = 1;

/// What is left are the values of A B - C.
const QUOTIENT: u32 = 2;

/// Values are left below p.
const CANONICAL: u32 = 4;

/// What a pass does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    /// From natural to bit-reversed order.
    Interpolate,
    /// From bit-reversed to natural order.
    Evaluate,
    /// One after the other, on another coset.
    Both,
}

/// Stages that one dispatch does, within blocks of 2^(`rows` + `columns`) elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Pass {
    /// log2 of the elements of the domain.
    log2: u32,
    /// log2 of the distance between two rows of a block.
    stride: u32,
    /// log2 of the rows of a block: the stages in one direction.
    rows: u32,
    /// log2 of the neighbours that are in a row of a block.
    columns: u32,
    direction: Direction,
    /// Vectors that are transformed.
    parts: u32,
    flags: u32,
}

impl Pass {
    /// Workgroups, and how many of them one dispatch may have.
    pub(super) fn groups(&self) -> (u32, u32) {
        let block_log2 = self.rows + self.columns;
        let (begin, end) = self.stages();
        let butterflies = u64::from(self.parts * (end - begin).max(1)) << block_log2 >> 1;
        let groups_max = BUTTERFLIES_MAX / butterflies.max(1);
        (1 << (self.log2 - block_log2), u32::try_from(groups_max).unwrap_or(u32::MAX))
    }

    /// What its shader is told.
    pub(super) fn parameters(&self) -> [u32; 9] {
        let Self { log2, stride, rows, columns, direction: _, parts, flags } = *self;
        let (begin, end) = self.stages();
        // C comes first where it is made of A and B, which are overwritten next.
        let start = if flags == PRODUCT { 2 } else { 0 };
        [log2, stride, rows, columns, begin, end, parts, start, flags]
    }

    const fn stages(&self) -> (u32, u32) {
        match self.direction {
            Direction::Interpolate => (0, self.rows),
            Direction::Evaluate => (self.rows, 2 * self.rows),
            Direction::Both => (0, 2 * self.rows),
        }
    }
}

/// The passes of the quotient.
pub(super) fn quotient(log2: u32, block_log2: u32) -> Vec<Pass> {
    let mut passes = passes(log2, block_log2, Direction::Both);
    passes.iter_mut().for_each(|pass| pass.parts = 3);
    if let Some(first) = passes.first_mut() {
        first.flags |= PRODUCT;
    }
    if let Some(last) = passes.last_mut() {
        last.flags |= QUOTIENT;
    }
    passes
}

/// The passes of one transform, which leave values below p.
pub(super) fn transform(log2: u32, block_log2: u32, direction: Direction) -> Vec<Pass> {
    let mut passes = passes(log2, block_log2, direction);
    if let Some(last) = passes.last_mut() {
        last.flags |= CANONICAL;
    }
    passes
}

/// Interpolation goes from the highest level to the lowest, and evaluation back. The lowest ones
/// are done in one pass over contiguous blocks, in both directions where both are asked for.
fn passes(log2: u32, block_log2: u32, direction: Direction) -> Vec<Pass> {
    let outer = |direction| {
        let pass = move |(stride, rows)| Pass {
            log2,
            stride,
            rows,
            columns: block_log2 - rows,
            direction,
            parts: 1,
            flags: 0,
        };
        outer_levels(log2, block_log2).into_iter().map(pass)
    };
    let rows = log2.min(block_log2);
    let inner = Pass { log2, stride: 0, rows, columns: 0, direction, parts: 1, flags: 0 };
    let mut passes = Vec::new();
    if direction != Direction::Evaluate {
        passes.extend(outer(Direction::Interpolate).rev());
    }
    passes.push(inner);
    if direction != Direction::Interpolate {
        passes.extend(outer(Direction::Evaluate));
    }
    passes
}

/// First level and number of levels of each pass beyond the lowest: as few passes as can be,
/// and as equal as can be, since what levels leave of a block becomes neighbours in memory.
fn outer_levels(log2: u32, block_log2: u32) -> Vec<(u32, u32)> {
    let levels = log2.saturating_sub(block_log2);
    let passes = levels.div_ceil(block_log2);
    let mut stride = block_log2;
    let next = |pass| {
        let rows = (levels + pass) / passes;
        stride += rows;
        (stride - rows, rows)
    };
    (0..passes).map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels of a pass, in the order of its stages.
    fn levels(pass: &Pass) -> Vec<u32> {
        let (begin, end) = pass.stages();
        let row_bit = |stage| match pass.rows.checked_sub(stage + 1) {
            Some(row_bit) => row_bit,
            None => stage - pass.rows,
        };
        (begin..end).map(|stage| pass.stride + row_bit(stage)).collect()
    }

    #[test]
    fn every_level_is_done_once_in_each_direction_and_in_order() {
        for log2 in 0..=24 {
            for block_log2 in 1..=9 {
                let done: Vec<u32> = quotient(log2, block_log2).iter().flat_map(levels).collect();
                let expected: Vec<u32> = (0..log2).rev().chain(0..log2).collect();
                assert_eq!(done, expected, "2^{log2} elements, blocks of 2^{block_log2}");
            }
        }
    }

    #[test]
    fn passes_are_as_few_as_can_be_and_leave_room_for_neighbours() {
        let shape = |log2| -> Vec<_> {
            quotient(log2, 9).iter().map(|p| (p.stride, p.rows, p.columns)).collect()
        };
        assert_eq!(shape(9), [(0, 9, 0)]);
        assert_eq!(shape(12), [(9, 3, 6), (0, 9, 0), (9, 3, 6)]);
        assert_eq!(shape(18), [(9, 9, 0), (0, 9, 0), (9, 9, 0)]);
        let outer = [(16, 8, 1), (9, 7, 2)];
        assert_eq!(shape(24)[..2], outer);
        assert_eq!(shape(24)[3..], [outer[1], outer[0]]);
    }

    #[test]
    fn dispatches_of_the_largest_transforms_are_split() {
        for pass in quotient(24, 9) {
            let (groups, groups_max) = pass.groups();
            assert!(groups > groups_max && groups_max > groups / 8, "{pass:?}");
        }
    }
}
