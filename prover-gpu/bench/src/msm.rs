//! One multi-scalar multiplication.

use std::iter;

use ark_ec::{CurveGroup, VariableBaseMSM};
use serde::Serialize;
use zkpool_circuit_files::{FileField, FilePoint};
use zkpool_gpu::Gpu;
use zkpool_snark::Cpu;
use zkpool_snark::engine::{Msm, Resident};
use zkpool_types::Curve;

use crate::error::BenchError;
use crate::instance::{Distribution, Instance};
use crate::peer::PeerCommand;
use crate::subject::MsmSubject;
use crate::times::{CPU_RUNS_MAX, Stages, Times, mean, ms, timed};
use crate::turn::{Beside, Turn, alternate, warm_up};

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
    /// Whether arkworks multiplies too: with as many threads as our engine where that is the CPU's,
    /// and on one thread beside a GPU.
    pub arkworks: bool,
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
    /// The CPU engine with all threads, the median; the device's where that is the CPU.
    pub cpu_median_ms: f64,
    /// Arkworks on one thread, the median, where it was measured so.
    pub cpu_single_thread_median_ms: Option<f64>,
    /// Threads of the CPU engine.
    pub threads: usize,
    /// Arkworks, where it was asked for, and the peers.
    pub peers: Vec<Beside>,
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

/// Measures on a GPU, or on the CPU where there is none, and peers beside it.
///
/// # Errors
/// The device failed, no thread could be started, or a peer did not do what
/// [`PeerFault`](crate::PeerFault) names.
pub fn msm(
    gpu: Option<&Gpu>,
    options: MsmOptions,
    peers: &[PeerCommand],
) -> Result<MsmReport, BenchError> {
    use ark_bls12_381 as bls12_381;
    match (options.curve, options.group) {
        (Curve::Bn254, Group::G1) => of_group::<ark_bn254::G1Projective>(gpu, options, peers),
        (Curve::Bn254, Group::G2) => of_group::<ark_bn254::G2Projective>(gpu, options, peers),
        (Curve::Bls12_381, Group::G1) => of_group::<bls12_381::G1Projective>(gpu, options, peers),
        (Curve::Bls12_381, Group::G2) => of_group::<bls12_381::G2Projective>(gpu, options, peers),
    }
}

fn of_group<G>(
    gpu: Option<&Gpu>,
    options: MsmOptions,
    peers: &[PeerCommand],
) -> Result<MsmReport, BenchError>
where
    G: CurveGroup<Affine: FilePoint, ScalarField: FileField> + VariableBaseMSM,
    Cpu: MsmSubject<G>,
    Gpu: MsmSubject<G>,
{
    match gpu {
        Some(gpu) => measure(gpu, options, peers),
        None => measure(&Cpu, options, peers),
    }
}

fn measure<G, N>(
    engine: &N,
    options: MsmOptions,
    peers: &[PeerCommand],
) -> Result<MsmReport, BenchError>
where
    G: CurveGroup<Affine: FilePoint, ScalarField: FileField> + VariableBaseMSM,
    N: MsmSubject<G>,
    Cpu: Msm<G>,
{
    let instance = Instance::<G>::new(1 << options.log_size, options.distribution, options.seed);
    let (bases, prepared) = timed(|| engine.bases(instance.points.as_slice().into(), 0))?;
    let cpu_bases =
        (!N::IS_CPU).then(|| Cpu.bases(instance.points.as_slice().into(), 0)).transpose()?;
    let threads = if N::IS_CPU { rayon::current_num_threads() } else { 1 };
    let mut turns = Turns {
        ours: Turn::engine(engine, &bases, &instance),
        cpu: cpu_bases.as_ref().map(|bases| Turn::engine(&Cpu, bases, &instance)),
        arkworks: options.arkworks.then(|| Turn::arkworks(threads, &instance)).transpose()?,
        peers: Turn::peers(peers, &instance)?,
    };
    warm_up(&mut turns.alternating())?;
    engine.take_stages();
    alternate(&mut turns.alternating(), options.runs)?;
    let stages = mean(engine.take_stages(), options.runs);
    alternate(&mut turns.afterwards(), options.runs.min(CPU_RUNS_MAX))?;
    let rate = engine.word_products_per_second()?;
    let times = turns.ours.times();
    let floor_ms = rate.map(|rate| N::word_products(&bases) as f64 / rate * 1e3);
    Ok(MsmReport {
        options,
        device: engine.name(),
        times,
        scalars_ms: turns.ours.scalars().median_ms,
        cpu_median_ms: turns.cpu.as_ref().unwrap_or(&turns.ours).times().median_ms,
        cpu_single_thread_median_ms: turns.arkworks_ms().filter(|_| threads == 1),
        threads: rayon::current_num_threads(),
        peers: turns.beside(times.median_ms),
        matches: turns.match_all(),
        stages,
        prepare_ms: ms(prepared),
        resident_bytes: bases.bytes(),
        word_products_per_second: rate,
        floor_ms,
        floor_fraction: floor_ms.map(|floor| floor / times.median_ms),
    })
}

/// Who multiplies.
struct Turns<'a> {
    ours: Turn<'a>,
    /// The CPU engine beside a GPU.
    cpu: Option<Turn<'a>>,
    arkworks: Option<Turn<'a>>,
    peers: Vec<Turn<'a>>,
}

impl<'a> Turns<'a> {
    /// Those that alternate with ours, and ours.
    fn alternating(&mut self) -> Vec<&mut Turn<'a>> {
        let arkworks = self.arkworks.as_mut().filter(|_| self.cpu.is_none());
        iter::once(&mut self.ours).chain(arkworks).chain(&mut self.peers).collect()
    }

    /// Those that come afterwards: seconds on the CPU between the runs of a GPU would let its
    /// clocks fall.
    fn afterwards(&mut self) -> Vec<&mut Turn<'a>> {
        let arkworks = self.arkworks.as_mut().filter(|_| self.cpu.is_some());
        self.cpu.iter_mut().chain(arkworks).collect()
    }

    fn arkworks_ms(&self) -> Option<f64> {
        self.arkworks.as_ref().map(|arkworks| arkworks.times().median_ms)
    }

    fn beside(&self, ours_ms: f64) -> Vec<Beside> {
        self.arkworks.iter().chain(&self.peers).map(|turn| turn.beside(ours_ms)).collect()
    }

    fn match_all(&self) -> bool {
        let Self { ours, cpu, arkworks, peers } = self;
        iter::once(ours).chain(cpu).chain(arkworks).chain(peers).all(Turn::matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(curve: Curve, group: Group) -> MsmOptions {
        let (log_size, distribution) = (6, Distribution::WitnessLike);
        MsmOptions { curve, group, log_size, distribution, runs: 2, seed: 1, arkworks: true }
    }

    #[test]
    fn the_cpu_and_arkworks_match_in_every_group() {
        for curve in [Curve::Bn254, Curve::Bls12_381] {
            for group in [Group::G1, Group::G2] {
                let report = msm(None, options(curve, group), &[]).unwrap();
                assert!(report.matches, "{curve} {group:?}");
                let [arkworks] = report.peers.as_slice() else { panic!("{:?}", report.peers) };
                assert_eq!(
                    (arkworks.name.as_str(), arkworks.threads),
                    ("arkworks", Some(report.threads))
                );
                assert!(arkworks.times.median_ms > 0.0 && report.cpu_median_ms > 0.0);
            }
        }
    }
}
