//! `zkpool bench field`: what a GPU's integer units do.

use clap::Args;
use zkpool_bench::FieldReport;

use super::kernels::KernelArgs;
use crate::exit::CliError;
use crate::output::{Report, fields};
use crate::progress::Drawing;

/// Measure the field multiplications of a GPU, and how long its shaders take to compile
///
/// Shaders that a driver keeps from an earlier run compile in no time: empty its cache first.
#[derive(Args, Debug)]
pub(crate) struct FieldArgs {
    #[command(flatten)]
    kernels: KernelArgs,
}

/// Runs the command.
pub(crate) fn run(args: &FieldArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.kernels.open()?;
    let Some(gpu) = engine.gpu() else {
        return Err(CliError::Usage("expected a GPU to measure, found the CPU".into()));
    };
    let bar = drawing.spinner(format!("multiplying on {}", engine.name()));
    let measured = zkpool_bench::field(gpu)?;
    drop(bar);
    report(&measured)
}

fn report(measured: &FieldReport) -> Result<Report, CliError> {
    let billions = |rate: f64| format!("{:.2} billion a second", rate / 1e9);
    let mut pairs = vec![
        ("device", measured.device.clone()),
        ("word products", billions(measured.word_products_per_second)),
    ];
    for (name, rate) in &measured.fields {
        let share = 100.0 * rate.floor_fraction;
        let multiplications = billions(rate.multiplications_per_second);
        pairs.push((name, format!("{multiplications}, {share:.0} % of the word products")));
    }
    let slowest = measured.compiled.iter().map(|shader| shader.ms).fold(0.0, f64::max);
    let count = measured.compiled.len();
    pairs.push(("compiled", format!("{count} shaders, the slowest in {slowest:.0} ms")));
    Report::new(measured, fields(&pairs))
}
