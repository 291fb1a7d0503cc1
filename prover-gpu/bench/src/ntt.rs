//! Transforms: one alone, or those of a proof.

use ark_ff::UniformRand;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use zkpool_circuit_files::CircomCurve;
use zkpool_gpu::Gpu;
use zkpool_snark::Cpu;
use zkpool_snark::engine::{DeviceError, DomainParameters, Engine};
use zkpool_types::Curve;

use crate::error::BenchError;
use crate::quotient::{self, Quotient};
use crate::subject::{Subject, TransformSubject};
use crate::times::{CPU_RUNS_MAX, Stages, Times, mean};
use crate::transform;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transforms {
    /// One forward transform: [`Transforms::description`] says from where to where.
    Transform,
    /// All of one proof, fused.
    Quotient,
}

impl Transforms {
    /// What is measured, in words.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Transform => {
                "one forward transform, from coefficients to values on the domain, both in natural \
                 order and in the host's memory; on the CPU it is that of arkworks"
            }
            Self::Quotient => {
                "the quotient of a proof: three inverse transforms, three transforms on the coset \
                 and the pointwise step, from vectors in the host's memory until a product of the \
                 result and one base is back"
            }
        }
    }
}

/// What is transformed, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NttOptions {
    /// One transform or all of a proof.
    pub what: Transforms,
    /// The curve in whose scalar field the transforms are.
    pub curve: Curve,
    /// The size of the domain, as a logarithm.
    pub log_size: u32,
    /// Measured runs, after one that is not.
    pub runs: u32,
    /// Where the values come from.
    pub seed: u64,
    /// Whether the CPU transforms on one thread too.
    pub cpu_single_thread: bool,
}

/// Measured transforms.
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
    /// The CPU with all threads, the median.
    pub cpu_median_ms: f64,
    /// The same on one thread, the median.
    pub cpu_single_thread_median_ms: Option<f64>,
    /// Threads of the CPU.
    pub threads: usize,
    /// Whether the results are the CPU's: every value of a transform, and both ends of a quotient.
    pub matches: bool,
    /// Where the device spent its time.
    pub stages: Stages,
    /// The part of a run in which the device computed a transform: all of its stages.
    pub device_ms: Option<f64>,
    /// Making the domain's tables, and shaders the first time.
    pub prepare_ms: f64,
    /// Memory that the domain takes.
    pub resident_bytes: u64,
    /// Word products that the device does in a second, measured in this run.
    pub word_products_per_second: Option<f64>,
    /// The time of the word products alone that a transform needs, at that rate.
    pub floor_ms: Option<f64>,
    /// The floor over the device's part.
    pub floor_fraction: Option<f64>,
}

/// Runs on one engine and what came out.
pub(crate) struct Measured<R> {
    pub(crate) times: Times,
    pub(crate) prepare_ms: f64,
    pub(crate) resident_bytes: u64,
    /// Of one run, where they are counted.
    pub(crate) word_products: Option<u64>,
    pub(crate) result: R,
}

/// Measures on a GPU, or on the CPU where there is none.
///
/// # Errors
/// The device failed, the field has no domain of this size, or no thread could be started.
pub fn ntt(gpu: Option<&Gpu>, options: NttOptions) -> Result<NttReport, BenchError> {
    match options.curve {
        Curve::Bn254 => of_curve::<ark_bn254::Bn254>(gpu, options),
        Curve::Bls12_381 => of_curve::<ark_bls12_381::Bls12_381>(gpu, options),
    }
}

fn of_curve<E: CircomCurve>(gpu: Option<&Gpu>, options: NttOptions) -> Result<NttReport, BenchError>
where
    Cpu: Engine<E>,
    Gpu: Engine<E> + TransformSubject<E::ScalarField>,
{
    match gpu {
        Some(gpu) => of_engine::<E, _>(gpu, options),
        None => of_engine::<E, _>(&Cpu, options),
    }
}

fn of_engine<E: CircomCurve, N>(engine: &N, options: NttOptions) -> Result<NttReport, BenchError>
where
    N: Engine<E> + TransformSubject<E::ScalarField>,
    Cpu: Engine<E>,
{
    let NttOptions { log_size, runs, .. } = options;
    let domain = domain::<E>(options)?;
    let mut rng = ChaCha20Rng::seed_from_u64(options.seed);
    let mut vector =
        || (0..1_usize << log_size).map(|_| UniformRand::rand(&mut rng)).collect::<Vec<_>>();
    match options.what {
        Transforms::Transform => {
            let coefficients = vector();
            let on_device = transform::repeat(engine, &domain, &coefficients, runs)?;
            let cpu = |runs| transform::repeat(&Cpu, &domain, &coefficients, runs);
            report(engine, options, &on_device, cpu)
        }
        Transforms::Quotient => {
            let values = Quotient::<E> { domain, a: vector(), b: vector() };
            let on_device = quotient::repeat(engine, &values, runs)?;
            report(engine, options, &on_device, |runs| quotient::repeat(&Cpu, &values, runs))
        }
    }
}

fn domain<E: CircomCurve>(
    options: NttOptions,
) -> Result<DomainParameters<E::ScalarField>, BenchError> {
    let NttOptions { curve, log_size: log2, .. } = options;
    let too_large = BenchError::DomainSize { curve, max: E::two_adicity(), found: log2 };
    let root = E::root_of_unity(log2).ok_or(too_large)?;
    Ok(DomainParameters { log2, root, shift: E::coset_shift(log2) })
}

/// Puts the CPU's runs beside the device's, whose stages are still to be taken.
fn report<R: PartialEq + Send>(
    engine: &impl Subject,
    options: NttOptions,
    on_device: &Measured<R>,
    cpu: impl Fn(u32) -> Result<Measured<R>, DeviceError> + Sync,
) -> Result<NttReport, BenchError> {
    let stages = mean(engine.take_stages(), options.runs);
    let rate = match on_device.word_products {
        Some(_) => engine.word_products_per_second()?,
        None => None,
    };
    let total = stages.values().sum();
    let device_ms = on_device.word_products.and(Some(total)).filter(|ms| *ms > 0.0);
    let floor = |(products, rate)| products as f64 / rate * 1e3;
    let floor_ms = on_device.word_products.zip(rate).map(floor);
    let runs = options.runs.min(CPU_RUNS_MAX);
    let all_threads = cpu(runs)?;
    let single = options.cpu_single_thread.then(|| on_one_thread(|| cpu(runs))).transpose()?;
    let is_the_same = |other: &Measured<R>| other.result == on_device.result;
    Ok(NttReport {
        options,
        measured: options.what.description(),
        device: engine.name(),
        times: on_device.times,
        cpu_median_ms: all_threads.times.median_ms,
        cpu_single_thread_median_ms: single.as_ref().map(|single| single.times.median_ms),
        threads: rayon::current_num_threads(),
        matches: is_the_same(&all_threads) && single.as_ref().is_none_or(is_the_same),
        stages,
        device_ms,
        prepare_ms: on_device.prepare_ms,
        resident_bytes: on_device.resident_bytes,
        word_products_per_second: rate,
        floor_ms,
        floor_fraction: floor_ms.zip(device_ms).map(|(floor, device)| floor / device),
    })
}

fn on_one_thread<T: Send>(
    work: impl FnOnce() -> Result<T, DeviceError> + Send,
) -> Result<T, BenchError> {
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    Ok(pool.install(work)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(what: Transforms, curve: Curve, log_size: u32) -> NttOptions {
        NttOptions { what, curve, log_size, runs: 1, seed: 1, cpu_single_thread: true }
    }

    #[test]
    fn the_cpu_matches_itself_on_both_curves() {
        for curve in [Curve::Bn254, Curve::Bls12_381] {
            for what in [Transforms::Transform, Transforms::Quotient] {
                let report = ntt(None, options(what, curve, 11)).unwrap();
                assert!(report.matches && report.times.median_ms > 0.0, "{curve} {what:?}");
                assert!(report.cpu_single_thread_median_ms.is_some_and(|ms| ms > 0.0));
            }
        }
    }

    #[test]
    fn another_result_is_no_match() {
        let measured = |result| Measured {
            times: Times::default(),
            prepare_ms: 0.0,
            resident_bytes: 0,
            word_products: None,
            result,
        };
        let options = options(Transforms::Quotient, Curve::Bn254, 2);
        let matches = |of_cpu| {
            let report = report(&Cpu, options, &measured(1), |_| Ok(measured(of_cpu)));
            report.unwrap().matches
        };
        assert!(matches(1) && !matches(2));
    }

    #[test]
    fn a_domain_that_the_field_lacks_is_refused() {
        let refused = ntt(None, options(Transforms::Transform, Curve::Bn254, 29));
        assert!(matches!(refused, Err(BenchError::DomainSize { max: 28, .. })));
    }
}
