//! The quotient of one proof: three inverse and three forward transforms and a pointwise step.

use std::time::Duration;

use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::UniformRand;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use zkpool_circuit_files::CircomCurve;
use zkpool_gpu::Gpu;
use zkpool_snark::engine::{DeviceError, DomainParameters, Engine, Msm, Ntt, Resident};
use zkpool_snark::{AnyEngine, Cpu};
use zkpool_types::Curve;

use crate::error::BenchError;
use crate::instance::progression;
use crate::subject::Subject;
use crate::times::{Stages, Times, mean, ms, timed};

/// Values at either end of the quotient that are compared.
const COMPARED: usize = 1 << 10;

/// What is measured.
const MEASURED: &str = "the quotient of a proof: three inverse transforms, three transforms on \
                        the coset and the pointwise step, from vectors in the host's memory until \
                        a product of the result and one base is back";

/// Of what the quotient is taken, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NttOptions {
    /// The curve in whose scalar field the transforms are.
    pub curve: Curve,
    /// The size of the domain, as a logarithm.
    pub log_size: u32,
    /// Measured runs, after one that is not.
    pub runs: u32,
    /// Where the values come from.
    pub seed: u64,
}

/// A measured quotient.
#[derive(Debug, Serialize)]
pub struct NttReport {
    /// Of what.
    #[serde(flatten)]
    pub options: NttOptions,
    /// What is measured, in words.
    pub measured: &'static str,
    /// What the device calls itself.
    pub device: String,
    /// On the device.
    #[serde(flatten)]
    pub times: Times,
    /// The CPU engine with all threads, the median.
    pub cpu_median_ms: f64,
    /// Threads of the CPU engine.
    pub threads: usize,
    /// Whether both ends of the quotient are the CPU's.
    pub matches: bool,
    /// Where the device spent its time.
    pub stages: Stages,
    /// Making the domain's tables, and shaders the first time.
    pub prepare_ms: f64,
    /// Memory that the domain takes.
    pub resident_bytes: u64,
}

/// The values of two polynomials on a domain.
struct Values<E: CircomCurve> {
    domain: DomainParameters<E::ScalarField>,
    a: Vec<E::ScalarField>,
    b: Vec<E::ScalarField>,
}

/// The runs on one engine, and the products of both ends of the quotient with bases.
struct Measured<G> {
    times: Times,
    prepared: Duration,
    resident_bytes: u64,
    ends: [G; 2],
}

/// Measures on a GPU, or on the CPU where there is none.
///
/// # Errors
/// The device failed, or the field has no domain of this size.
pub fn ntt(gpu: Option<&Gpu>, options: NttOptions) -> Result<NttReport, BenchError> {
    match gpu {
        Some(gpu) => of_engine(gpu, options),
        None => of_engine(&Cpu, options),
    }
}

fn of_engine(
    engine: &(impl Subject + AnyEngine),
    options: NttOptions,
) -> Result<NttReport, BenchError> {
    match options.curve {
        Curve::Bn254 => measure::<ark_bn254::Bn254>(engine, options),
        Curve::Bls12_381 => measure::<ark_bls12_381::Bls12_381>(engine, options),
    }
}

fn measure<E: CircomCurve>(
    engine: &(impl Subject + Engine<E>),
    options: NttOptions,
) -> Result<NttReport, BenchError>
where
    Cpu: Engine<E>,
{
    let values = values::<E>(options)?;
    let device = repeat::<E, _>(engine, &values, options.runs)?;
    let stages = mean(engine.take_stages(), options.runs);
    let cpu = repeat::<E, _>(&Cpu, &values, options.runs)?;
    Ok(NttReport {
        options,
        measured: MEASURED,
        device: engine.name(),
        times: device.times,
        cpu_median_ms: cpu.times.median_ms,
        threads: rayon::current_num_threads(),
        matches: device.ends == cpu.ends,
        stages,
        prepare_ms: ms(device.prepared),
        resident_bytes: device.resident_bytes,
    })
}

fn values<E: CircomCurve>(options: NttOptions) -> Result<Values<E>, BenchError> {
    let NttOptions { curve, log_size: log2, seed, .. } = options;
    let too_large = BenchError::DomainSize { curve, max: E::two_adicity(), found: log2 };
    let root = E::root_of_unity(log2).ok_or(too_large)?;
    let domain = DomainParameters { log2, root, shift: E::coset_shift(log2) };
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut vector = || (0..1_usize << log2).map(|_| UniformRand::rand(&mut rng)).collect();
    Ok(Values { domain, a: vector(), b: vector() })
}

fn repeat<E: CircomCurve, N: Subject + Engine<E>>(
    engine: &N,
    values: &Values<E>,
    runs: u32,
) -> Result<Measured<E::G1>, DeviceError> {
    let (domain, prepared) = timed(|| engine.domain(&values.domain))?;
    let bases = |count, first| {
        let g = E::G1::generator();
        Msm::<E::G1>::bases(engine, progression(g, g, count), first)
    };
    let one = bases(1, 0)?;
    let run = |a, b| {
        let quotient = engine.quotient(&domain, engine.values(&domain, a, b)?)?;
        // A device may return before it is done; a product is there only when it is.
        Msm::<E::G1>::msm(engine, &one, &quotient)?;
        Ok::<_, DeviceError>(quotient)
    };
    let quotient = run(values.a.clone(), values.b.clone())?;
    let ends = ends(engine, &quotient, values.a.len(), bases)?;
    engine.take_stages();
    let mut times = Vec::new();
    for _ in 0..runs {
        let (a, b) = (values.a.clone(), values.b.clone());
        times.push(timed(|| run(a, b))?.1);
    }
    Ok(Measured { times: Times::of(&times), prepared, resident_bytes: domain.bytes(), ends })
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
    use super::*;

    #[test]
    fn the_cpu_matches_itself_on_both_curves() {
        for curve in [Curve::Bn254, Curve::Bls12_381] {
            let report = ntt(None, NttOptions { curve, log_size: 11, runs: 1, seed: 1 }).unwrap();
            assert!(report.matches && report.times.median_ms > 0.0, "{curve}");
        }
    }

    #[test]
    fn other_values_have_other_ends() {
        let options = NttOptions { curve: Curve::Bn254, log_size: 4, runs: 1, seed: 1 };
        let values = |seed| values::<ark_bn254::Bn254>(NttOptions { seed, ..options }).unwrap();
        let ends = |seed| repeat(&Cpu, &values(seed), 1).unwrap().ends;
        assert_eq!(ends(1), ends(1));
        assert_ne!(ends(1), ends(2));
    }

    #[test]
    fn a_domain_that_the_field_lacks_is_refused() {
        let options = NttOptions { curve: Curve::Bn254, log_size: 29, runs: 1, seed: 1 };
        assert!(matches!(ntt(None, options), Err(BenchError::DomainSize { max: 28, .. })));
    }
}
