//! `zkpool bench groth16`: how fast this machine opens a key, proves and verifies.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use zkpool_circuit_files::AnyWitness;
use zkpool_ports::{Clock, SystemClock};
use zkpool_types::Stage;

use super::median;
use crate::exit::CliError;
use crate::groth16::{self, CacheArgs, Prover};
use crate::output::{Report, fields};
use crate::progress::Drawing;

/// Measure opening a key, proving and verifying
///
/// The key is opened with every check first, then again as one whose subgroup checks are noted.
/// One proof is made before the measured ones, so that the key is in memory and the threads run.
#[derive(Args, Debug)]
pub(crate) struct Groth16Args {
    /// The proving key (.zkey)
    proving_key: PathBuf,
    /// The witness (.wtns)
    witness: PathBuf,
    /// How many proofs to measure
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    #[command(flatten)]
    cache: CacheArgs,
}

/// What was measured, in milliseconds.
#[derive(Debug, Serialize)]
struct Measured {
    open_first_ms: f64,
    open_again_ms: f64,
    prepare_ms: f64,
    prove_ms_median: f64,
    prove_ms_min: f64,
    prove_ms_max: f64,
    verify_ms_median: f64,
    runs: u32,
    threads: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Groth16Args, drawing: Drawing) -> Result<Report, CliError> {
    let clock = SystemClock::new();
    let bar = drawing.count(u64::from(args.runs), "proving");
    let path = &args.proving_key;
    let (_, open_first_ms) = timed(&clock, || groth16::open_key_noting(path, None))?;
    // The first of these notes that the key was checked, if that is not noted yet.
    groth16::open_key(path, &args.cache)?;
    let (key, open_again_ms) = timed(&clock, || groth16::open_key(path, &args.cache))?;
    let witness = groth16::read_witness(&args.witness)?;
    let (prover, prepare_ms) = timed(&clock, || Prover::new(key))?;
    prover.prove(&witness)?;
    let runs = (0..args.runs).map(|_| {
        bar.advance(1);
        prove_and_verify(&clock, &prover, &witness)
    });
    let (prove_ms, verify_ms): (Vec<_>, Vec<_>) = runs.collect::<Result<_, _>>()?;
    drop(bar);
    report(&Measured {
        open_first_ms,
        open_again_ms,
        prepare_ms,
        prove_ms_median: median(&prove_ms),
        prove_ms_min: prove_ms.iter().copied().fold(f64::INFINITY, f64::min),
        prove_ms_max: prove_ms.iter().copied().fold(0.0, f64::max),
        verify_ms_median: median(&verify_ms),
        runs: args.runs,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

/// Makes one proof and returns how long proving and verifying took, in milliseconds.
fn prove_and_verify(
    clock: &SystemClock,
    prover: &Prover,
    witness: &AnyWitness,
) -> Result<(f64, f64), CliError> {
    let start = clock.elapsed();
    let mut proven = start;
    prover.prove_observed(witness, |stage| {
        if stage == Stage::Verifying {
            proven = clock.elapsed();
        }
    })?;
    Ok((ms(proven - start), ms(clock.elapsed() - proven)))
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
    let Measured { prove_ms_median, prove_ms_min, prove_ms_max, .. } = measured;
    let text = fields(&[
        ("open first", format!("{:.1} ms, with every check", measured.open_first_ms)),
        ("open again", format!("{:.1} ms, subgroup checks noted", measured.open_again_ms)),
        ("prepare", format!("{:.1} ms", measured.prepare_ms)),
        ("prove", format!("{prove_ms_median:.1} ms ({prove_ms_min:.1} to {prove_ms_max:.1})")),
        ("verify", format!("{:.2} ms", measured.verify_ms_median)),
        ("runs", format!("{} on {} threads", measured.runs, measured.threads)),
    ]);
    Report::new(measured, text)
}
