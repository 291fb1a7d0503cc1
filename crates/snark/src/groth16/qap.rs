//! The constraints evaluated on a witness.

use ark_ff::PrimeField;
use rayon::prelude::*;
use zkpool_circuit_files::{SparseRows, Term};

/// Rows that are worth a task of their own.
const TASK_ROWS_MIN: usize = 1 << 9;

/// For each row, <A, w> and <B, w>: the values of sum a_i u_i and sum a_i v_i on the domain.
pub(super) fn evaluate<F: PrimeField>(
    coefficients: &SparseRows<F, 2>,
    w: &[F],
) -> (Vec<F>, Vec<F>) {
    (0..coefficients.rows())
        .into_par_iter()
        .with_min_len(TASK_ROWS_MIN)
        .map(|row| (product(coefficients.a(row), w), product(coefficients.b(row), w)))
        .unzip()
}

/// The scalar product of a sparse row and the witness.
fn product<F: PrimeField>(terms: &[Term<F>], w: &[F]) -> F {
    terms.iter().fold(F::ZERO, |sum, term| {
        let value = w.get(term.signal as usize).copied().unwrap_or(F::ZERO);
        // Most coefficients are 1, and comparing is cheaper than multiplying.
        sum + if term.value.is_one() { value } else { term.value * value }
    })
}
