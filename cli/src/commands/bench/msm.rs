//! `zkpool bench msm`: one multi-scalar multiplication.

use clap::{ArgAction, Args};
use zkpool_bench::{Distribution, Group, MsmOptions, MsmReport};
use zkpool_types::Curve;

use super::kernels::{self, KernelArgs, beside, named, range, stage_lines};
use crate::exit::CliError;
use crate::output::{Report, fields};
use crate::progress::Drawing;

/// Measure a multi-scalar multiplication beside the CPU
///
/// A run goes from scalars in the host's memory to a point there; the bases rest on the device.
/// The CPU engine with all threads and arkworks on one thread multiply the same. Every product is
/// compared with a closed form: the command fails if one is wrong.
#[derive(Args, Debug)]
pub(crate) struct MsmArgs {
    /// The curve: bn254 or bls12-381
    #[arg(long, default_value = "bn254", value_parser = kernels::curve)]
    curve: Curve,
    /// The group: g1 or g2
    #[arg(long, default_value = "g1", value_parser = group)]
    group: Group,
    /// The number of bases, as a logarithm
    #[arg(long, value_name = "L", value_parser = kernels::log_size)]
    log_size: u32,
    /// The scalars: random, witness-like or all-equal
    #[arg(long, default_value = "random", value_parser = distribution)]
    distribution: Distribution,
    /// How many multiplications to measure
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Where bases and scalars come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leave out arkworks on one thread, which takes minutes for large sizes
    #[arg(long = "no-cpu-single-thread", action = ArgAction::SetFalse)]
    cpu_single_thread: bool,
    #[command(flatten)]
    kernels: KernelArgs,
}

fn group(text: &str) -> Result<Group, String> {
    named(text, &[("g1", Group::G1), ("g2", Group::G2)])
}

fn distribution(text: &str) -> Result<Distribution, String> {
    let all = [
        ("random", Distribution::Random),
        ("witness-like", Distribution::WitnessLike),
        ("all-equal", Distribution::AllEqual),
    ];
    named(text, &all)
}

/// Runs the command.
pub(crate) fn run(args: &MsmArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.kernels.open()?;
    let bar = drawing.spinner(format!("multiplying on {}", engine.name()));
    let options = MsmOptions {
        curve: args.curve,
        group: args.group,
        log_size: args.log_size,
        distribution: args.distribution,
        runs: args.runs,
        seed: args.seed,
        cpu_single_thread: args.cpu_single_thread,
    };
    let measured = zkpool_bench::msm(engine.gpu(), options)?;
    drop(bar);
    report(&measured)
}

fn report(measured: &MsmReport) -> Result<Report, CliError> {
    let MsmReport { times, matches, .. } = measured;
    let single = measured.cpu_single_thread_median_ms;
    let mut pairs = vec![
        ("device", measured.device.clone()),
        ("multiply", range(times)),
        ("scalars", format!("{:.2} ms of it", measured.scalars_ms)),
        ("prepare", format!("{:.1} ms", measured.prepare_ms)),
        ("resident", format!("{:.1} MiB", measured.resident_bytes as f64 / f64::from(1 << 20))),
        ("CPU engine", beside(measured.cpu_median_ms, times.median_ms)),
    ];
    pairs.extend(single.map(|ms| ("arkworks, one thread", beside(ms, times.median_ms))));
    if let (Some(floor_ms), Some(fraction)) = (measured.floor_ms, measured.floor_fraction) {
        let percent = 100.0 * fraction;
        pairs.push(("floor", format!("{floor_ms:.2} ms of word products, {percent:.0} % of it")));
    }
    pairs.push(("products", if *matches { "match" } else { "DO NOT MATCH" }.to_owned()));
    let text = format!("{}{}", fields(&pairs), stage_lines(&measured.stages));
    Ok(Report::new(measured, text)?.holds(*matches))
}
