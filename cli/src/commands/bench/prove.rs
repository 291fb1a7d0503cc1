//! `zkpool bench prove`: how fast this machine opens a key, proves and verifies.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use serde::Serialize;
use zkpool_bench::{ProveOptions, ProveReport, ProverTimes};
use zkpool_circuit_files::{AnyProvingKey, AnyWitness};
use zkpool_ports::{Clock, SystemClock};
use zkpool_types::Curve;

use super::kernels::{self, KernelArgs, beside, range, stage_lines};
use crate::exit::CliError;
use crate::groth16::{self, CacheArgs};
use crate::output::{Report, fields};
use crate::progress::Drawing;
use crate::random;

/// Measure proving on a device beside the CPU
///
/// Proves with a key and a witness, or with a chain of multiplications of any size and a key made
/// for it. A key file is opened with every check first, then again from its prepared form. One proof is made before the measured ones, and every proof is verified.
#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    /// The proving key (.zkey)
    #[arg(requires = "witness", required_unless_present = "log_size", conflicts_with = "log_size")]
    proving_key: Option<PathBuf>,
    /// The witness (.wtns)
    witness: Option<PathBuf>,
    /// Prove a chain of 2^L constraints instead
    #[arg(long, value_name = "L", value_parser = kernels::log_size)]
    log_size: Option<u32>,
    /// The curve of the chain: bn254 or bls12-381
    #[arg(long, default_value = "bn254", value_parser = kernels::curve)]
    curve: Curve,
    /// How many proofs to measure
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Leave out the CPU engine on one thread, which takes minutes for large sizes
    #[arg(long = "no-cpu-single-thread", action = ArgAction::SetFalse)]
    cpu_single_thread: bool,
    #[command(flatten)]
    kernels: KernelArgs,
}

/// What is proven, and how long it took to get it, in milliseconds.
#[derive(Debug, Default, Serialize)]
struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    open_first_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_again_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_ms: Option<f64>,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    proofs: ProveReport,
}

/// Runs the command.
pub(crate) fn run(args: &ProveArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.kernels.open()?;
    let bar = drawing.spinner("making the key ready");
    let (key, witness, source) = match (&args.proving_key, &args.witness, args.log_size) {
        (Some(key), Some(witness), _) => of_files(key, witness, &args.kernels.device.cache)?,
        (_, _, Some(log_size)) => of_chain(args.curve, log_size)?,
        _ => return Err(CliError::Usage("expected a key and a witness, or --log-size".into())),
    };
    bar.say(format!("proving on {}", engine.name()));
    let ProveArgs { runs, cpu_single_thread, .. } = *args;
    let options = ProveOptions { runs, cpu_single_thread };
    let rng = &mut random::generator()?;
    let proofs = zkpool_bench::prove(engine.gpu(), key, &witness, options, rng)?;
    drop(bar);
    report(&Measured { source, proofs })
}

fn of_files(
    path: &Path,
    witness: &Path,
    cache: &CacheArgs,
) -> Result<(AnyProvingKey, AnyWitness, Source), CliError> {
    let clock = SystemClock::new();
    let (_, first) = timed(&clock, || groth16::open_key_from(path, None))?;
    // The first of these writes the prepared form, if there is none yet.
    groth16::open_key(path, cache)?;
    let (key, again) = timed(&clock, || groth16::open_key(path, cache))?;
    let source =
        Source { open_first_ms: Some(first), open_again_ms: Some(again), ..Source::default() };
    Ok((key, groth16::read_witness(witness)?, source))
}

fn of_chain(curve: Curve, log_size: u32) -> Result<(AnyProvingKey, AnyWitness, Source), CliError> {
    let (r1cs, witness) = zkpool_bench::chain(curve, log_size)?;
    let rng = &mut random::generator()?;
    let (key, setup_ms) = timed(&SystemClock::new(), || {
        let key = zkpool_snark::development_setup(&r1cs, rng);
        key.map_err(|error| CliError::Setup(error.into()))
    })?;
    let source = Source { log_size: Some(log_size), setup_ms: Some(setup_ms), ..Source::default() };
    Ok((key, witness, source))
}

/// What `work` returned and how many milliseconds it took.
fn timed<T>(
    clock: &SystemClock,
    work: impl FnOnce() -> Result<T, CliError>,
) -> Result<(T, f64), CliError> {
    let start = clock.elapsed();
    let value = work()?;
    Ok((value, ms(clock.elapsed() - start)))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn report(measured: &Measured) -> Result<Report, CliError> {
    let Measured { source, proofs } = measured;
    let ProverTimes { times, .. } = &proofs.on_device;
    let verified = proofs.matches;
    let in_ms = |name, ms: Option<f64>| ms.map(|ms| (name, format!("{ms:.1} ms")));
    let mut pairs = Vec::new();
    pairs.extend(in_ms("open first", source.open_first_ms));
    pairs.extend(in_ms("open again", source.open_again_ms));
    pairs.extend(in_ms("set up", source.setup_ms));
    pairs.push(("device", proofs.device.clone()));
    pairs.extend(in_ms("prepare", Some(proofs.on_device.prepare_ms)));
    pairs.push(("prove", range(times)));
    pairs.extend(in_ms("  witness", Some(proofs.on_device.witness_ms)));
    pairs.extend(in_ms("  transforms", Some(proofs.on_device.ntt_ms)));
    pairs.extend(in_ms("  multiply", Some(proofs.on_device.msm_ms)));
    pairs.push(("verify", format!("{:.2} ms", proofs.on_device.verify_ms)));
    pairs.push(("CPU engine", beside(proofs.cpu.times.median_ms, times.median_ms)));
    let single = proofs.cpu_single_thread_median_ms;
    pairs.extend(single.map(|ms| ("on one thread", beside(ms, times.median_ms))));
    pairs.push(("runs", format!("{} beside {} threads", proofs.runs, proofs.threads)));
    pairs.push(("proofs", if verified { "verify" } else { "DO NOT VERIFY" }.to_owned()));
    let text = format!("{}{}", fields(&pairs), stage_lines(&proofs.stages));
    Ok(Report::new(measured, text)?.holds(verified))
}
