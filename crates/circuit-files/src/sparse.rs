//! Rows of sparse matrices that share one numbering.

/// One non-zero entry of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term<F> {
    /// The column: the signal that is multiplied.
    pub signal: u32,
    /// What it is multiplied by.
    pub value: F,
}

/// `K` sparse matrices with the same rows, stored row by row in one vector.
///
/// A row of all matrices lies together in memory, as it does in the files. A signal may appear
/// more than once in a row; its entries then add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseRows<F, const K: usize> {
    /// For each row, where each matrix's part of it ends in `terms`.
    ends: Vec<[usize; K]>,
    terms: Vec<Term<F>>,
}

impl<F, const K: usize> SparseRows<F, K> {
    /// No rows, with room for this many rows and terms.
    #[must_use]
    pub fn with_capacity(rows: usize, terms: usize) -> Self {
        Self { ends: Vec::with_capacity(rows), terms: Vec::with_capacity(terms) }
    }

    /// Number of rows of each matrix.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Every term of every matrix, row by row and, within a row, matrix by matrix.
    #[must_use]
    pub fn terms(&self) -> &[Term<F>] {
        &self.terms
    }

    /// One row of one matrix; empty where there is no such row or matrix.
    #[must_use]
    pub fn row(&self, matrix: usize, row: usize) -> &[Term<F>] {
        let end = |row: usize, matrix: usize| self.ends.get(row)?.get(matrix).copied();
        let start = match (matrix.checked_sub(1), row.checked_sub(1)) {
            (Some(before), _) => end(row, before),
            (None, Some(above)) => end(above, K.wrapping_sub(1)),
            (None, None) => Some(0),
        };
        let range = start.zip(end(row, matrix)).map(|(start, end)| start..end);
        range.and_then(|range| self.terms.get(range)).unwrap_or_default()
    }

    /// Row `row` of matrix A.
    #[must_use]
    pub fn a(&self, row: usize) -> &[Term<F>] {
        self.row(0, row)
    }

    /// Row `row` of matrix B.
    #[must_use]
    pub fn b(&self, row: usize) -> &[Term<F>] {
        self.row(1, row)
    }

    /// Appends a row: its terms in each of the matrices.
    pub fn push_row(&mut self, matrices: [&[Term<F>]; K])
    where
        F: Copy,
    {
        let ends = matrices.map(|terms| {
            self.terms.extend_from_slice(terms);
            self.terms.len()
        });
        self.ends.push(ends);
    }

    /// Appends a term to the row that `push_ends` is going to end.
    pub(crate) fn push(&mut self, term: Term<F>) {
        self.terms.push(term);
    }

    /// Ends a row whose parts end at these lengths of `terms`.
    pub(crate) fn push_ends(&mut self, ends: [usize; K]) {
        self.ends.push(ends);
    }
}

impl<F> SparseRows<F, 3> {
    /// Row `row` of matrix C.
    #[must_use]
    pub fn c(&self, row: usize) -> &[Term<F>] {
        self.row(2, row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_as_pushed() {
        let term = |signal| Term { signal, value: signal };
        let mut rows = SparseRows::<u32, 2>::with_capacity(0, 0);
        rows.push_row([&[term(1)], &[term(2), term(3)]]);
        rows.push_row([&[], &[term(4)]]);
        assert_eq!(rows.a(0), [term(1)]);
        assert_eq!(rows.b(0), [term(2), term(3)]);
        assert_eq!(rows.a(1), []);
        assert_eq!(rows.b(1), [term(4)]);
        assert_eq!(rows.a(2), []);
        assert_eq!(rows.row(2, 0), []);
    }
}
