//! The quotient of one proof: three inverse and three forward transforms and a pointwise step.

use ark_ec::{CurveGroup, PrimeGroup};
use zkpool_circuit_files::CircomCurve;
use zkpool_snark::engine::{DeviceError, DomainParameters, Engine, Msm, Ntt, Resident};

use crate::instance::progression;
use crate::ntt::Measured;
use crate::subject::Subject;
use crate::times::{Times, ms, timed};

/// Values at either end of the quotient that are compared.
const COMPARED: usize = 1 << 10;

/// The values of two polynomials on a domain.
pub(crate) struct Quotient<E: CircomCurve> {
    pub(crate) domain: DomainParameters<E::ScalarField>,
    pub(crate) a: Vec<E::ScalarField>,
    pub(crate) b: Vec<E::ScalarField>,
}

/// Runs on one engine, and the products of both ends of the quotient with bases.
pub(crate) fn repeat<E: CircomCurve, N: Subject + Engine<E>>(
    engine: &N,
    values: &Quotient<E>,
    runs: u32,
) -> Result<Measured<[E::G1; 2]>, DeviceError> {
    let (domain, prepared) = timed(|| engine.domain(&values.domain))?;
    let bases = |count, first| {
        let g = E::G1::generator();
        Msm::<E::G1>::bases(engine, progression(g, g, count).into(), first)
    };
    let one = bases(1, 0)?;
    let run = |a, b| {
        let quotient = engine.quotient(&domain, engine.values(&domain, a, b)?)?;
        // A device may return before it is done; a product is there only when it is.
        Msm::<E::G1>::msm(engine, &one, &quotient)?;
        Ok::<_, DeviceError>(quotient)
    };
    let quotient = run(values.a.clone(), values.b.clone())?;
    let result = ends(engine, &quotient, values.a.len(), bases)?;
    engine.take_stages();
    let mut times = Vec::new();
    for _ in 0..runs {
        let (a, b) = (values.a.clone(), values.b.clone());
        times.push(timed(|| run(a, b))?.1);
    }
    let (times, prepare_ms, resident_bytes) = (Times::of(&times), ms(prepared), domain.bytes());
    Ok(Measured { times, prepare_ms, resident_bytes, word_products: None, result })
}

/// The products of the first and of the last values of a quotient with bases. Two quotients whose
/// ends differ have other products, but for a chance that nobody will meet.
fn ends<G: CurveGroup, N: Msm<G>>(
    engine: &N,
    quotient: &<N as Ntt<G::ScalarField>>::Scalars,
    size: usize,
    bases: impl Fn(usize, u32) -> Result<N::Bases, DeviceError>,
) -> Result<[G; 2], DeviceError> {
    let count = COMPARED.min(size);
    let last = u32::try_from(size - count).unwrap_or(u32::MAX);
    let product = |first| engine.msm(&bases(count, first)?, quotient);
    Ok([product(0)?, product(last)?])
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Bn254, Fr};
    use zkpool_snark::Cpu;

    use super::*;

    #[test]
    fn other_values_have_other_ends() {
        let (log2, root) = (4, Bn254::root_of_unity(4).unwrap());
        // A constant added to both polynomials would leave the quotient as it is: a factor does not.
        let ends = |factor: u64| {
            let domain = DomainParameters { log2, root, shift: Bn254::coset_shift(log2) };
            let a: Vec<_> = (1..=16).map(|i| Fr::from(factor * i)).collect();
            repeat(&Cpu, &Quotient::<Bn254> { domain, b: a.clone(), a }, 1).unwrap().result
        };
        assert_eq!(ends(1), ends(1));
        assert_ne!(ends(1), ends(2));
    }
}
