//! One multi-scalar multiplication.

use std::time::Duration;

use ark_ec::{CurveGroup, VariableBaseMSM};
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use zkpool_circuit_files::FilePoint;
use zkpool_gpu::Gpu;
use zkpool_snark::Cpu;
use zkpool_snark::engine::{DeviceError, Msm, Resident};
use zkpool_types::Curve;

use crate::error::BenchError;
use crate::instance::{Distribution, Instance};
use crate::subject::MsmSubject;
use crate::times::{CPU_RUNS_MAX, Stages, Times, mean, ms, timed};

/// A group of a pairing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Over the base field.
    G1,
    /// Over its quadratic extension.
    G2,
}

/// What is multiplied, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MsmOptions {
    /// The curve.
    pub curve: Curve,
    /// Which of its groups.
    pub group: Group,
    /// The number of bases, as a logarithm.
    pub log_size: u32,
    /// How the scalars are distributed.
    pub distribution: Distribution,
    /// Measured runs, after one that is not.
    pub runs: u32,
    /// Where bases and scalars come from.
    pub seed: u64,
    /// Whether arkworks multiplies too, on one thread.
    pub cpu_single_thread: bool,
}

/// A measured multiplication. Each run goes from scalars in the host's memory to a point there;
/// the bases rest on the device.
#[derive(Debug, Serialize)]
pub struct MsmReport {
    /// What was multiplied.
    #[serde(flatten)]
    pub options: MsmOptions,
    /// What the device calls itself.
    pub device: String,
    /// On the device.
    #[serde(flatten)]
    pub times: Times,
    /// The part in which the host hands scalars over, the median.
    pub scalars_ms: f64,
    /// The CPU engine with all threads, the median.
    pub cpu_median_ms: f64,
    /// Arkworks on one thread, the median.
    pub cpu_single_thread_median_ms: Option<f64>,
    /// Threads of the CPU engine.
    pub threads: usize,
    /// Whether every result is the one that the closed form gives.
    pub matches: bool,
    /// Where the device spent its time.
    pub stages: Stages,
    /// Handing the bases over: upload, multiples, and shaders the first time.
    pub prepare_ms: f64,
    /// Memory that the bases take.
    pub resident_bytes: u64,
    /// Word products that the device does in a second, measured in this run.
    pub word_products_per_second: Option<f64>,
    /// The time of the word products alone that random scalars need, at that rate.
    pub floor_ms: Option<f64>,
    /// The floor over the median.
    pub floor_fraction: Option<f64>,
}

/// Results are right, and this is how long they took.
struct Measured {
    times: Times,
    scalars: Times,
    matches: bool,
}

/// Measures on a GPU, or on the CPU where there is none.
///
/// # Errors
/// The device failed, or no thread could be started.
pub fn msm(gpu: Option<&Gpu>, options: MsmOptions) -> Result<MsmReport, BenchError> {
    match (options.curve, options.group) {
        (Curve::Bn254, Group::G1) => of_group::<ark_bn254::G1Projective>(gpu, options),
        (Curve::Bn254, Group::G2) => of_group::<ark_bn254::G2Projective>(gpu, options),
        (Curve::Bls12_381, Group::G1) => of_group::<ark_bls12_381::G1Projective>(gpu, options),
        (Curve::Bls12_381, Group::G2) => of_group::<ark_bls12_381::G2Projective>(gpu, options),
    }
}

fn of_group<G>(gpu: Option<&Gpu>, options: MsmOptions) -> Result<MsmReport, BenchError>
where
    G: CurveGroup<Affine: FilePoint> + VariableBaseMSM,
    Cpu: MsmSubject<G>,
    Gpu: MsmSubject<G>,
{
    match gpu {
        Some(gpu) => measure(gpu, options),
        None => measure(&Cpu, options),
    }
}

fn measure<G, N>(engine: &N, options: MsmOptions) -> Result<MsmReport, BenchError>
where
    G: CurveGroup<Affine: FilePoint> + VariableBaseMSM,
    N: MsmSubject<G>,
    Cpu: Msm<G>,
{
    let instance = Instance::<G>::new(1 << options.log_size, options.distribution, options.seed);
    let (bases, prepared) = timed(|| engine.bases(instance.points.as_slice().into(), 0))?;
    multiply(engine, &bases, &instance)?;
    engine.take_stages();
    let device = repeat(engine, &bases, &instance, options.runs)?;
    let stages = mean(engine.take_stages(), options.runs);
    let (resident_bytes, word_products) = (bases.bytes(), N::word_products(&bases));
    drop(bases);
    let rate = engine.word_products_per_second()?;
    let floor_ms = rate.map(|rate| word_products as f64 / rate * 1e3);
    let cpu_bases = Cpu.bases(instance.points.as_slice().into(), 0)?;
    let cpu = repeat(&Cpu, &cpu_bases, &instance, options.runs.min(CPU_RUNS_MAX))?;
    let single = options.cpu_single_thread.then(|| on_one_thread(&instance, options.runs));
    let single = single.transpose()?;
    Ok(MsmReport {
        options,
        device: engine.name(),
        times: device.times,
        scalars_ms: device.scalars.median_ms,
        cpu_median_ms: cpu.times.median_ms,
        cpu_single_thread_median_ms: single.as_ref().map(|(times, _)| times.median_ms),
        threads: rayon::current_num_threads(),
        matches: device.matches && cpu.matches && single.is_none_or(|(_, matches)| matches),
        stages,
        prepare_ms: ms(prepared),
        resident_bytes,
        word_products_per_second: rate,
        floor_ms,
        floor_fraction: floor_ms.map(|floor| floor / device.times.median_ms),
    })
}

/// One run: its product, the time it took, and the part of that for handing scalars over.
fn multiply<G: CurveGroup, N: Msm<G>>(
    engine: &N,
    bases: &N::Bases,
    instance: &Instance<G>,
) -> Result<(G, Duration, Duration), DeviceError> {
    let (scalars, handed_over) = timed(|| engine.scalars(&instance.scalars))?;
    let (product, multiplied) = timed(|| engine.msm(bases, &scalars))?;
    Ok((product, handed_over + multiplied, handed_over))
}

fn repeat<G: CurveGroup, N: Msm<G>>(
    engine: &N,
    bases: &N::Bases,
    instance: &Instance<G>,
    runs: u32,
) -> Result<Measured, DeviceError> {
    let (mut times, mut scalars, mut matches) = (Vec::new(), Vec::new(), true);
    for _ in 0..runs {
        let (product, took, handed_over) = multiply(engine, bases, instance)?;
        times.push(took);
        scalars.push(handed_over);
        matches &= product == instance.product;
    }
    Ok(Measured { times: Times::of(&times), scalars: Times::of(&scalars), matches })
}

/// Arkworks on one thread.
fn on_one_thread<G: CurveGroup + VariableBaseMSM>(
    instance: &Instance<G>,
    runs: u32,
) -> Result<(Times, bool), BenchError> {
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    let (mut times, mut matches) = (Vec::new(), true);
    for _ in 0..runs.min(CPU_RUNS_MAX) {
        let multiply =
            || Ok::<_, BenchError>(G::msm_unchecked(&instance.points, &instance.scalars));
        let (product, took) = timed(|| pool.install(multiply))?;
        times.push(took);
        matches &= product == instance.product;
    }
    Ok((Times::of(&times), matches))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(curve: Curve, group: Group) -> MsmOptions {
        let (log_size, distribution) = (6, Distribution::WitnessLike);
        MsmOptions {
            curve,
            group,
            log_size,
            distribution,
            runs: 2,
            seed: 1,
            cpu_single_thread: true,
        }
    }

    #[test]
    fn the_cpu_and_arkworks_match_in_every_group() {
        for curve in [Curve::Bn254, Curve::Bls12_381] {
            for group in [Group::G1, Group::G2] {
                let report = msm(None, options(curve, group)).unwrap();
                assert!(report.matches, "{curve} {group:?}");
                assert!(report.cpu_single_thread_median_ms.is_some_and(|ms| ms > 0.0));
            }
        }
    }

    #[test]
    fn a_wrong_product_is_no_match() {
        let mut instance = Instance::<ark_bn254::G1Projective>::new(64, Distribution::Random, 1);
        let bases = Cpu.bases(instance.points.as_slice().into(), 0).unwrap();
        assert!(repeat(&Cpu, &bases, &instance, 1).unwrap().matches);
        instance.product += instance.points[0];
        assert!(!repeat(&Cpu, &bases, &instance, 1).unwrap().matches);
        assert!(!on_one_thread(&instance, 1).unwrap().1);
    }
}
