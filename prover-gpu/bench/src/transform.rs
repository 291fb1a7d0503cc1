//! One forward transform, of which all values are compared.

use ark_ff::PrimeField;
use zkpool_snark::engine::{DeviceError, DomainParameters};

use crate::ntt::Measured;
use crate::subject::TransformSubject;
use crate::times::{Times, ms, timed};

/// Runs on one engine, and the values of the polynomial with these coefficients.
pub(crate) fn repeat<F: PrimeField, N: TransformSubject<F>>(
    engine: &N,
    parameters: &DomainParameters<F>,
    coefficients: &[F],
    runs: u32,
) -> Result<Measured<Vec<F>>, DeviceError> {
    let (domain, prepared) = timed(|| engine.transform_domain(parameters))?;
    let result = engine.forward(&domain, coefficients)?;
    engine.take_stages();
    let mut times = Vec::new();
    for _ in 0..runs {
        times.push(timed(|| engine.forward(&domain, coefficients))?.1);
    }
    Ok(Measured {
        times: Times::of(&times),
        prepare_ms: ms(prepared),
        resident_bytes: N::resident_bytes(&domain),
        word_products: N::word_products(&domain),
        result,
    })
}

#[cfg(test)]
mod tests {
    use ark_bls12_381::{Bls12_381, Fr};
    use ark_ff::{AdditiveGroup, Field};
    use zkpool_circuit_files::CircomCurve;
    use zkpool_snark::Cpu;

    use super::*;

    #[test]
    fn arkworks_evaluates_at_the_powers_of_the_root_of_circom() {
        let (log2, root) = (3, Bls12_381::root_of_unity(3).unwrap());
        let parameters = DomainParameters { log2, root, shift: Bls12_381::coset_shift(log2) };
        let coefficients: Vec<_> = (1..9_u64).map(Fr::from).collect();
        let values = repeat(&Cpu, &parameters, &coefficients, 1).unwrap().result;
        let horner = |x: Fr| coefficients.iter().rev().fold(Fr::ZERO, |sum, c| sum * x + c);
        let expected: Vec<_> = (0..8_u64).map(|i| horner(root.pow([i]))).collect();
        assert_eq!(values, expected);
    }
}
