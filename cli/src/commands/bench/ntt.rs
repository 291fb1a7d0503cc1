//! `zkpool bench ntt`: one transform, or all of one proof.

use clap::{ArgAction, Args};
use zkpool_bench::{NttOptions, NttReport, Transforms};
use zkpool_types::Curve;

use super::kernels::{self, KernelArgs, beside, named, range, stage_lines};
use crate::exit::CliError;
use crate::output::{Report, fields};
use crate::progress::Drawing;

/// Measure transforms beside the CPU
///
/// The quotient of a proof is three inverse transforms, three on the coset and the pointwise step.
/// Its two ends are compared with the CPU engine's. A transform is one forward one, from the
/// host's memory and back to it, and all of its values are compared with those of arkworks. The
/// command fails if anything differs.
#[derive(Args, Debug)]
pub(crate) struct NttArgs {
    /// What to measure: transform or quotient
    #[arg(long, default_value = "quotient", value_parser = what)]
    what: Transforms,
    /// The curve in whose scalar field the transforms are: bn254 or bls12-381
    #[arg(long, default_value = "bn254", value_parser = kernels::curve)]
    curve: Curve,
    /// The size of the domain, as a logarithm
    #[arg(long, value_name = "L", value_parser = kernels::log_size)]
    log_size: u32,
    /// How many transforms or quotients to measure
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Where the values come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leave out the CPU on one thread, which takes minutes for large sizes
    #[arg(long = "no-cpu-single-thread", action = ArgAction::SetFalse)]
    cpu_single_thread: bool,
    #[command(flatten)]
    kernels: KernelArgs,
}

fn what(text: &str) -> Result<Transforms, String> {
    named(text, &[("transform", Transforms::Transform), ("quotient", Transforms::Quotient)])
}

/// Runs the command.
pub(crate) fn run(args: &NttArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.kernels.open()?;
    let bar = drawing.spinner(format!("transforming on {}", engine.name()));
    let NttArgs { what, curve, log_size, runs, seed, cpu_single_thread, .. } = *args;
    let options = NttOptions { what, curve, log_size, runs, seed, cpu_single_thread };
    let measured = zkpool_bench::ntt(engine.gpu(), options)?;
    drop(bar);
    report(&measured)
}

fn report(measured: &NttReport) -> Result<Report, CliError> {
    let NttReport { times, matches, .. } = measured;
    let (name, peer) = match measured.options.what {
        Transforms::Transform => ("transform", "arkworks"),
        Transforms::Quotient => ("quotient", "CPU engine"),
    };
    let one_thread = format!("{peer}, one thread");
    let mut pairs = vec![
        ("measured", measured.measured.to_owned()),
        ("device", measured.device.clone()),
        (name, range(times)),
        ("prepare", format!("{:.1} ms", measured.prepare_ms)),
        (peer, beside(measured.cpu_median_ms, times.median_ms)),
    ];
    let single = measured.cpu_single_thread_median_ms;
    pairs.extend(single.map(|ms| (one_thread.as_str(), beside(ms, times.median_ms))));
    pairs.extend(measured.device_ms.map(|ms| ("on the device", format!("{ms:.2} ms of it"))));
    if let (Some(floor_ms), Some(fraction)) = (measured.floor_ms, measured.floor_fraction) {
        let percent = 100.0 * fraction;
        let floor = format!("{floor_ms:.2} ms of word products, {percent:.0} % of that");
        pairs.push(("floor", floor));
    }
    pairs.push(("results", if *matches { "match" } else { "DO NOT MATCH" }.to_owned()));
    let text = format!("{}{}", fields(&pairs), stage_lines(&measured.stages));
    Ok(Report::new(measured, text)?.holds(*matches))
}
