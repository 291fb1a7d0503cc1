//! The constraints evaluated on a witness.

use ark_ff::PrimeField;
use rayon::prelude::*;
use zkpool_circuit_files::{Coefficients, Row};

/// Rows that are worth a task of their own.
const TASK_ROWS_MIN: usize = 1 << 9;

/// For each row, <A, w> and <B, w>: the values of sum a_i u_i and sum a_i v_i on the domain.
pub(super) fn evaluate<F: PrimeField>(coefficients: &Coefficients<F>, w: &[F]) -> (Vec<F>, Vec<F>) {
    let (values, rows) = (coefficients.values(), coefficients.view());
    (0..coefficients.rows())
        .into_par_iter()
        .with_min_len(TASK_ROWS_MIN)
        .map(|row| {
            let product = |row| product(row, values, w);
            (product(rows.a(row)), product(rows.b(row)))
        })
        .unzip()
}

/// The scalar product of a sparse row and the witness.
fn product<F: PrimeField>(row: Row<'_, F>, values: &[F], w: &[F]) -> F {
    row.indexed().fold(F::ZERO, |sum, (signal, value)| {
        let Some(signal) = w.get(signal as usize) else { return sum };
        // Most coefficients are 1 or -1, and comparing is cheaper than multiplying.
        match value {
            value if value == Coefficients::<F>::ONE => sum + signal,
            value if value == Coefficients::<F>::MINUS_ONE => sum - signal,
            value => values.get(value as usize).map_or(sum, |value| sum + *value * signal),
        }
    })
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;
    use zkpool_circuit_files::{CoefficientsBuilder, Term};

    use super::*;

    #[test]
    fn rows_are_multiplied_with_the_witness() {
        let term = |signal, value: i64| Term { signal, value: Fr::from(value) };
        let mut rows = CoefficientsBuilder::with_capacity(2, 5);
        rows.push_row([&[term(0, 1), term(1, -1), term(2, 5)], &[term(1, -5)]]);
        // There is no signal 7.
        rows.push_row([&[], &[term(2, 0), term(7, 3)]]);
        let w = [1, 10, 100].map(Fr::from);
        let (a, b) = evaluate(&rows.finish(), &w);
        assert_eq!(a, [1 - 10 + 500, 0].map(Fr::from));
        assert_eq!(b, [-50, 0].map(Fr::from));
    }
}
