//! Whole proofs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ark_std::rand::{CryptoRng, RngCore};
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use zkpool_circuit_files::{AnyProvingKey, AnyWitness};
use zkpool_gpu::Gpu;
use zkpool_snark::{AnyEngine, AnyProver, AnyVerifier, Cpu, ProveError};
use zkpool_types::{Curve, ProofBody, Stage};

use crate::error::BenchError;
use crate::subject::Subject;
use crate::times::{Stages, Times, mean, ms, timed};

/// Proofs on one engine.
#[derive(Clone, Debug, Serialize)]
pub struct ProverTimes {
    /// Handing the key over: upload, multiples, and shaders the first time.
    pub prepare_ms: f64,
    /// Memory that the key takes.
    pub resident_bytes: u64,
    /// From a witness in the host's memory to a proof, which is not verified yet.
    #[serde(flatten)]
    pub times: Times,
    /// Checking the witness and evaluating the constraints on it, the median.
    pub witness_ms: f64,
    /// Transforms, the median.
    pub ntt_ms: f64,
    /// Multi-scalar multiplications, the median. What a device was asked for before and did not
    /// wait for counts here.
    pub msm_ms: f64,
    /// Verifying the proof, the median.
    pub verify_ms: f64,
    /// Whether every proof verifies.
    pub verified: bool,
}

/// Measured proofs of one witness.
#[derive(Debug, Serialize)]
pub struct ProveReport {
    /// The curve of the key.
    pub curve: Curve,
    /// What the device calls itself.
    pub device: String,
    /// On the device.
    #[serde(flatten)]
    pub on_device: ProverTimes,
    /// The CPU engine with all threads, the median.
    pub cpu_median_ms: f64,
    /// The CPU engine on one thread, the median, where it was not left out.
    pub cpu_single_thread_median_ms: Option<f64>,
    /// The CPU engine in full.
    pub cpu: ProverTimes,
    /// Whether every proof verifies, the device's and the CPU's.
    pub matches: bool,
    /// Threads of the CPU engine.
    pub threads: usize,
    /// Where the device spent its time.
    pub stages: Stages,
    /// Measured proofs, after one that is not.
    pub runs: u32,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct ProveOptions {
    /// Measured proofs on each engine.
    pub runs: u32,
    /// Whether the CPU engine proves on one thread, too.
    pub cpu_single_thread: bool,
}

/// When each stage of a proof began.
type Began = HashMap<Stage, Duration>;

/// Measures on a GPU and on the CPU, or on the CPU alone where there is no GPU.
///
/// # Errors
/// The witness is for another circuit or does not satisfy it, or the device failed.
pub fn prove(
    gpu: Option<&Gpu>,
    key: AnyProvingKey,
    witness: &AnyWitness,
    options: ProveOptions,
    rng: &mut (impl RngCore + CryptoRng + Send),
) -> Result<ProveReport, BenchError> {
    let (curve, runs) = (key.curve(), options.runs);
    let single = options.cpu_single_thread.then(|| key.clone());
    let single = single.map(|key| on_one_thread(|| measure(&Cpu, key, witness, runs, rng)));
    let single = single.transpose()?;
    let report = |device, on_device: ProverTimes, cpu: ProverTimes, stages| ProveReport {
        curve,
        matches: on_device.verified && cpu.verified && single.as_ref().is_none_or(|s| s.verified),
        cpu_single_thread_median_ms: single.map(|single| single.times.median_ms),
        device,
        on_device,
        cpu_median_ms: cpu.times.median_ms,
        cpu,
        threads: rayon::current_num_threads(),
        stages,
        runs,
    };
    let Some(gpu) = gpu else {
        let cpu = measure(&Cpu, key, witness, runs, rng)?;
        return Ok(report(Cpu.name(), cpu.clone(), cpu, Stages::new()));
    };
    let on_device = measure(gpu, key.clone(), witness, runs, rng)?;
    let stages = mean(gpu.take_stages(), runs);
    let cpu = measure(&Cpu, key, witness, runs, rng)?;
    Ok(report(gpu.name(), on_device, cpu, stages))
}

fn on_one_thread<T: Send>(
    work: impl FnOnce() -> Result<T, BenchError> + Send,
) -> Result<T, BenchError> {
    ThreadPoolBuilder::new().num_threads(1).build()?.install(work)
}

fn measure<N: Subject + AnyEngine + Clone>(
    engine: &N,
    key: AnyProvingKey,
    witness: &AnyWitness,
    runs: u32,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<ProverTimes, BenchError> {
    let verifier = AnyVerifier::new(key.verifying_key());
    let verifies = |proof: &ProofBody| verifier.verify_body(proof).unwrap_or(false);
    let (prover, prepared) = timed(|| AnyProver::new(engine.clone(), key))?;
    let (first, _) = observed(&prover, witness, rng)?;
    let mut verified = verifies(&first);
    engine.take_stages();
    let mut laps = Vec::new();
    for _ in 0..runs {
        let (proof, began) = observed(&prover, witness, rng)?;
        verified &= verifies(&proof);
        laps.push(began);
    }
    let between = |from, to| {
        let at = |began: &Began, stage| began.get(&stage).copied().unwrap_or_default();
        let times: Vec<_> =
            laps.iter().map(|lap| at(lap, to).saturating_sub(at(lap, from))).collect();
        Times::of(&times)
    };
    Ok(ProverTimes {
        prepare_ms: ms(prepared),
        resident_bytes: prover.bytes(),
        times: between(Stage::Witness, Stage::Verifying),
        witness_ms: between(Stage::Witness, Stage::Ntt).median_ms,
        ntt_ms: between(Stage::Ntt, Stage::Msm).median_ms,
        msm_ms: between(Stage::Msm, Stage::Verifying).median_ms,
        verify_ms: between(Stage::Verifying, Stage::Publishing).median_ms,
        verified,
    })
}

/// Makes one proof and notes when its stages begin; publishing begins when it is verified.
fn observed<N: AnyEngine>(
    prover: &AnyProver<N>,
    witness: &AnyWitness,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<(ProofBody, Began), ProveError> {
    let (start, mut began) = (Instant::now(), Began::new());
    let proof = prover.prove(witness, rng, &mut |stage| {
        began.insert(stage, start.elapsed());
    })?;
    began.insert(Stage::Publishing, start.elapsed());
    Ok((proof, began))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;
    use zkpool_snark::development_setup;

    use super::*;
    use crate::chain::chain;

    const ONE: ProveOptions = ProveOptions { runs: 1, cpu_single_thread: true };

    #[test]
    fn a_chain_is_proven_on_both_curves_and_its_stages_add_up() {
        for curve in [Curve::Bn254, Curve::Bls12_381] {
            let (r1cs, witness) = chain(curve, 6).unwrap();
            let rng = &mut ChaCha20Rng::seed_from_u64(1);
            let key = development_setup(&r1cs, rng).unwrap();
            let ProverTimes { times, witness_ms, ntt_ms, msm_ms, verify_ms, verified, .. } =
                prove(None, key, &witness, ONE, rng).unwrap().on_device;
            assert!(verified && verify_ms > 0.0, "{curve}");
            assert!((witness_ms + ntt_ms + msm_ms - times.median_ms).abs() < 1e-6);
        }
    }
}
