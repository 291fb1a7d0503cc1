//! A circuit of any size: a chain of multiplications whose values are all of full size.

use ark_ff::{Field, One};
use zkpool_circuit_files::{AnyR1cs, AnyWitness, CircomCurve, R1cs, SparseRows, Term, Witness};
use zkpool_types::Curve;

use crate::error::BenchError;

/// The largest chain as a logarithm: the largest domain that BN254 has a coset for.
pub const LOG_SIZE_MAX: u32 = 27;

type Rows<F> = SparseRows<F, 3>;

/// A constraint system that fills a domain of 2^`log_size`, at least 2 and at most
/// [`LOG_SIZE_MAX`], and a witness that satisfies it.
///
/// # Errors
/// The size is outside of these bounds.
pub fn chain(curve: Curve, log_size: u32) -> Result<(AnyR1cs, AnyWitness), BenchError> {
    if !(2..=LOG_SIZE_MAX).contains(&log_size) {
        return Err(BenchError::DomainSize { curve, max: LOG_SIZE_MAX, found: log_size });
    }
    Ok(match curve {
        Curve::Bn254 => {
            let (r1cs, witness) = of_curve::<ark_bn254::Bn254>(log_size)?;
            (r1cs.into(), witness.into())
        }
        Curve::Bls12_381 => {
            let (r1cs, witness) = of_curve::<ark_bls12_381::Bls12_381>(log_size)?;
            (r1cs.into(), witness.into())
        }
    })
}

fn of_curve<E: CircomCurve>(log_size: u32) -> Result<(R1cs<E>, Witness<E>), BenchError> {
    // The constant and the public input are bound by rows of their own.
    let rows = (1_u32 << log_size) - 2;
    let n_wires = rows + 2;
    let mut constraints = SparseRows::with_capacity(rows as usize, 4 * rows as usize);
    let mut values = vec![E::ScalarField::one(), E::ScalarField::from(3_u64)];
    let mut x = E::ScalarField::from(3_u64);
    for signal in 1..=rows {
        x *= x + E::ScalarField::one();
        values.push(x);
        push_product(&mut constraints, signal);
    }
    let r1cs = R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: 1,
        n_private_inputs: 0,
        n_labels: u64::from(n_wires),
        constraints,
        others: Vec::new(),
        section_order: vec![1, 2],
    };
    Ok((r1cs, Witness::new(values).ok_or(BenchError::Witness)?))
}

/// Says that the signal after x is x (x + 1).
fn push_product<F: Field>(rows: &mut Rows<F>, x: u32) {
    let term = |signal| Term { signal, value: F::ONE };
    rows.push_row([&[term(x)], &[term(x), term(0)], &[term(x + 1)]]);
}
