//! `zkpool bench ntt`: the transforms of one proof.

use clap::Args;
use zkpool_bench::{NttOptions, NttReport};
use zkpool_types::Curve;

use super::kernels::{self, KernelArgs, beside, range, stage_lines};
use crate::exit::CliError;
use crate::output::{Report, fields};
use crate::progress::Drawing;

/// Measure the transforms of a proof beside the CPU
///
/// What is measured is the quotient of a proof: three inverse transforms, three on the coset and
/// the pointwise step. Its two ends are compared with the CPU's: the command fails if they differ.
#[derive(Args, Debug)]
pub(crate) struct NttArgs {
    /// The curve in whose scalar field the transforms are: bn254 or bls12-381
    #[arg(long, default_value = "bn254", value_parser = kernels::curve)]
    curve: Curve,
    /// The size of the domain, as a logarithm
    #[arg(long, value_name = "L", value_parser = kernels::log_size)]
    log_size: u32,
    /// How many quotients to measure
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Where the values come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    kernels: KernelArgs,
}

/// Runs the command.
pub(crate) fn run(args: &NttArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.kernels.open()?;
    let bar = drawing.spinner(format!("transforming on {}", engine.name()));
    let NttArgs { curve, log_size, runs, seed, .. } = *args;
    let options = NttOptions { curve, log_size, runs, seed };
    let measured = zkpool_bench::ntt(engine.gpu(), options)?;
    drop(bar);
    report(&measured)
}

fn report(measured: &NttReport) -> Result<Report, CliError> {
    let NttReport { times, matches, .. } = measured;
    let pairs = [
        ("measured", measured.measured.to_owned()),
        ("device", measured.device.clone()),
        ("quotient", range(times)),
        ("prepare", format!("{:.1} ms", measured.prepare_ms)),
        ("CPU engine", beside(measured.cpu_median_ms, times.median_ms)),
        ("results", if *matches { "match" } else { "DO NOT MATCH" }.to_owned()),
    ];
    let text = format!("{}{}", fields(&pairs), stage_lines(&measured.stages));
    Ok(Report::new(measured, text)?.holds(*matches))
}
