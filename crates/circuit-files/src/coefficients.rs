//! Matrices A and B of a proving key, lean in memory.
//!
//! A key has millions of coefficients and few different ones, nearly all of them 1 or -1. So each
//! term holds its signal and the position of its value in a table of the different values, eight
//! bytes in all where signal and value would take forty.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ark_ff::PrimeField;

use crate::field::FileField;
use crate::shared::Shared;
use crate::sparse::Term;

/// A signal and the position of its value in the table.
type IndexedTerm = [u32; 2];

/// The rows of matrices A and B.
///
/// A signal may appear more than once in a row; its terms then add up.
#[derive(Clone, PartialEq, Eq)]
pub struct Coefficients<F> {
    /// The different values: 1, -1, then the others in the order of their first appearance.
    values: Arc<Vec<F>>,
    /// Where in `terms` row 0 of A ends, then row 0 of B, row 1 of A and so on.
    ends: Shared<u32>,
    terms: Shared<IndexedTerm>,
}

impl<F: PrimeField> Coefficients<F> {
    /// Position of the value 1 in the table.
    pub const ONE: u32 = 0;

    /// Position of the value -1 in the table.
    pub const MINUS_ONE: u32 = 1;

    /// What a file holds of them; none if it contradicts itself.
    pub(crate) fn from_parts(
        values: Vec<F>,
        ends: Shared<u32>,
        terms: Shared<IndexedTerm>,
    ) -> Option<Self> {
        let end = ends.as_slice().last().map_or(0, |end| *end as usize);
        let agree = values.starts_with(&[F::ONE, -F::ONE]) && end == terms.as_slice().len();
        agree.then(|| Self { values: Arc::new(values), ends, terms })
    }

    /// Number of rows of each matrix.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ends().len() / 2
    }

    /// Number of terms of both matrices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.terms.as_slice().len()
    }

    /// Whether there is no term.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.as_slice().is_empty()
    }

    /// The table of different values, which begins with 1 and -1.
    #[must_use]
    pub fn values(&self) -> &[F] {
        &self.values
    }

    /// How much memory they take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let (values, terms) = (size_of_val(self.values()), size_of_val(self.indexed_terms()));
        (values + size_of_val(self.ends()) + terms) as u64
    }

    pub(crate) fn ends(&self) -> &[u32] {
        self.ends.as_slice()
    }

    pub(crate) fn indexed_terms(&self) -> &[IndexedTerm] {
        self.terms.as_slice()
    }

    /// Row `row` of matrix A; empty where there is none.
    #[must_use]
    pub fn a(&self, row: usize) -> Row<'_, F> {
        self.view().a(row)
    }

    /// Row `row` of matrix B; empty where there is none.
    #[must_use]
    pub fn b(&self, row: usize) -> Row<'_, F> {
        self.view().b(row)
    }

    /// All rows, for whoever reads many of them.
    #[must_use]
    pub fn view(&self) -> CoefficientsView<'_, F> {
        CoefficientsView { values: self.values(), ends: self.ends(), terms: self.indexed_terms() }
    }
}

impl<F> fmt::Debug for Coefficients<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coefficients")
            .field("different", &self.values.len())
            .finish_non_exhaustive()
    }
}

/// The rows of [`Coefficients`], where they lie in memory.
#[derive(Clone, Copy, Debug)]
pub struct CoefficientsView<'a, F> {
    values: &'a [F],
    ends: &'a [u32],
    terms: &'a [IndexedTerm],
}

impl<'a, F> CoefficientsView<'a, F> {
    /// Row `row` of matrix A; empty where there is none.
    #[must_use]
    pub fn a(&self, row: usize) -> Row<'a, F> {
        self.part(row.saturating_mul(2))
    }

    /// Row `row` of matrix B; empty where there is none.
    #[must_use]
    pub fn b(&self, row: usize) -> Row<'a, F> {
        self.part(row.saturating_mul(2).saturating_add(1))
    }

    fn part(&self, part: usize) -> Row<'a, F> {
        let start = part.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let ends = start.zip(self.ends.get(part));
        let range = ends.map(|(start, end)| *start as usize..*end as usize);
        let terms = range.and_then(|range| self.terms.get(range));
        Row { terms: terms.unwrap_or_default().iter(), values: self.values }
    }
}

/// The terms of a row of one matrix: signals and what they are multiplied by.
#[derive(Clone, Debug)]
pub struct Row<'a, F> {
    terms: std::slice::Iter<'a, IndexedTerm>,
    values: &'a [F],
}

impl<'a, F> Row<'a, F> {
    /// The terms as signals and positions in the table of values.
    pub fn indexed(self) -> impl ExactSizeIterator<Item = (u32, u32)> + 'a {
        self.terms.map(|[signal, value]| (*signal, *value))
    }
}

impl<'a, F> Iterator for Row<'a, F> {
    type Item = (u32, &'a F);

    fn next(&mut self) -> Option<Self::Item> {
        let [signal, value] = self.terms.next()?;
        Some((*signal, self.values.get(*value as usize)?))
    }
}

/// Slots of the values that were seen last.
const RECENT: usize = 64;

/// Coefficients that are made term by term: the rows in order, of each row A before B.
#[derive(Debug)]
pub struct CoefficientsBuilder<F> {
    values: Vec<F>,
    positions: HashMap<F, u32>,
    /// Some of the positions, by a few bits of the value. Most terms find theirs here, which costs
    /// less than to hash a value in a way that nobody can make collide.
    recent: [u32; RECENT],
    ends: Vec<u32>,
    terms: Vec<IndexedTerm>,
}

impl<F: FileField> CoefficientsBuilder<F> {
    /// No rows, with room for this many rows and terms.
    #[must_use]
    pub fn with_capacity(rows: usize, terms: usize) -> Self {
        Self::in_units_of(F::ONE, rows, terms)
    }

    /// The builder for values each of which is this many times too large.
    pub(crate) fn in_units_of(one: F, rows: usize, terms: usize) -> Self {
        let values = vec![one, -one];
        Self {
            positions: values.iter().copied().zip(0..).collect(),
            values,
            recent: [Coefficients::<F>::ONE; RECENT],
            ends: Vec::with_capacity(2 * rows),
            terms: Vec::with_capacity(terms),
        }
    }

    /// Appends a row: its terms in A and in B.
    pub fn push_row(&mut self, [a, b]: [&[Term<F>]; 2]) {
        for part in [a, b] {
            for term in part {
                self.push(term.signal, term.value);
            }
            self.end_part();
        }
    }

    /// Appends a term to the part of a row that `end_part` is going to end.
    pub(crate) fn push(&mut self, signal: u32, value: F) {
        let position = self.position(value);
        self.terms.push([signal, position]);
    }

    /// Ends a row of A or, every second time, of B.
    pub(crate) fn end_part(&mut self) {
        // Keys count their terms in as many bits, and one that has more cannot be written.
        self.ends.push(u32::try_from(self.terms.len()).unwrap_or(u32::MAX));
    }

    /// How many parts have ended.
    pub(crate) const fn parts(&self) -> usize {
        self.ends.len()
    }

    fn position(&mut self, value: F) -> u32 {
        let slot = slot(&value);
        let recent = self.recent.get(slot).copied().unwrap_or_default();
        if self.values.get(recent as usize) == Some(&value) {
            return recent;
        }
        let values = &mut self.values;
        let position = *self.positions.entry(value).or_insert_with(|| {
            values.push(value);
            // There are no more values than terms, which keys count in as many bits.
            u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = position;
        }
        position
    }

    /// The finished matrices.
    #[must_use]
    pub fn finish(self) -> Coefficients<F> {
        self.finish_with(|value| value)
    }

    /// The finished matrices, with every different value changed in this way.
    pub(crate) fn finish_with(self, change: impl Fn(F) -> F) -> Coefficients<F> {
        let Self { mut values, ends, terms, positions: _, recent: _ } = self;
        values.iter_mut().for_each(|value| *value = change(*value));
        values.shrink_to_fit();
        Coefficients { values: Arc::new(values), ends: ends.into(), terms: terms.into() }
    }
}

/// Where the position of a value may be among the recent ones.
fn slot<F: FileField>(value: &F) -> usize {
    /// 2^64 over the golden ratio: neighbouring numbers land far apart.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut low = [0];
    value.write_montgomery_words(&mut low);
    (low[0].wrapping_mul(FACTOR) >> 58) as usize % RECENT
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;

    use super::*;

    fn term(signal: u32, value: i64) -> Term<Fr> {
        Term { signal, value: Fr::from(value) }
    }

    fn terms(row: Row<'_, Fr>) -> Vec<Term<Fr>> {
        row.map(|(signal, value)| Term { signal, value: *value }).collect()
    }

    #[test]
    fn rows_read_back_as_pushed_and_equal_values_are_held_once() {
        let mut builder = CoefficientsBuilder::with_capacity(0, 0);
        builder.push_row([&[term(4, 7), term(5, -1)], &[term(6, 1)]]);
        builder.push_row([&[], &[term(7, 7), term(7, 9)]]);
        let coefficients = builder.finish();
        assert_eq!(terms(coefficients.a(0)), [term(4, 7), term(5, -1)]);
        assert_eq!(terms(coefficients.b(0)), [term(6, 1)]);
        assert_eq!(terms(coefficients.a(1)), []);
        assert_eq!(terms(coefficients.b(1)), [term(7, 7), term(7, 9)]);
        assert_eq!(terms(coefficients.a(2)), []);
        assert_eq!(terms(coefficients.b(usize::MAX)), []);
        assert_eq!(coefficients.values(), [1, -1, 7, 9].map(Fr::from));
        assert_eq!((coefficients.rows(), coefficients.len()), (2, 5));
        let (one, minus_one) = (Coefficients::<Fr>::ONE, Coefficients::<Fr>::MINUS_ONE);
        assert_eq!(coefficients.a(0).indexed().nth(1), Some((5, minus_one)));
        assert_eq!(coefficients.b(0).indexed().next(), Some((6, one)));
    }

    #[test]
    fn many_different_values_find_their_positions_again() {
        let mut builder = CoefficientsBuilder::with_capacity(0, 0);
        let row: Vec<_> = (0..1000).map(|signal| term(signal, i64::from(signal % 300))).collect();
        builder.push_row([&row, &[]]);
        let coefficients = builder.finish();
        assert_eq!(terms(coefficients.a(0)), row);
        assert_eq!(coefficients.values().len(), 301);
    }

    #[test]
    fn parts_that_contradict_each_other_are_rejected() {
        let values = || vec![Fr::from(1), Fr::from(-1)];
        let parts = |ends: Vec<u32>, terms: Vec<_>| {
            Coefficients::from_parts(values(), ends.into(), terms.into())
        };
        assert!(parts(vec![0, 1], vec![[0, 0]]).is_some());
        assert!(parts(vec![0, 2], vec![[0, 0]]).is_none());
        let swapped = vec![Fr::from(-1), Fr::from(1)];
        assert!(Coefficients::from_parts(swapped, vec![0].into(), vec![].into()).is_none());
    }
}
