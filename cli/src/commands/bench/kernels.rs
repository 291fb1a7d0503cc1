//! What the measurements of a device have in common.

use std::str::FromStr;

use clap::Args;
use zkpool_bench::{Stages, Times};
use zkpool_gpu::{Arithmetic, Options};
use zkpool_types::Curve;

use crate::device::{DeviceArgs, Engine};
use crate::exit::CliError;

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// The device that is measured, and how its kernels are built.
#[derive(Args, Debug)]
pub(crate) struct KernelArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// How shaders multiply, wide or narrow; the adapter's fastest by default
    #[arg(long, value_parser = arithmetic)]
    arithmetic: Option<Arithmetic>,
    /// Windows of so many bits; those that cost least by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=24))]
    window_bits: Option<u32>,
    /// Memory for the multiples of one set of bases; a share of the device's by default
    #[arg(long, value_name = "N")]
    table_gib: Option<u32>,
}

impl KernelArgs {
    /// Opens the device, whose stages are timed.
    pub(crate) fn open(&self) -> Result<Engine, CliError> {
        let mut options = Options::default();
        options.profile = true;
        options.arithmetic = self.arithmetic;
        options.window_bits = self.window_bits;
        options.table_bytes_max = self.table_gib.map(|gib| u64::from(gib) * GIB);
        self.device.open_with(options)
    }
}

/// Reads a value by its name from a table of all names.
pub(crate) fn named<T: Copy>(text: &str, all: &[(&str, T)]) -> Result<T, String> {
    let value = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    value.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}, found {text:?}", names.join(", "))
    })
}

fn arithmetic(text: &str) -> Result<Arithmetic, String> {
    named(text, &[("wide", Arithmetic::Wide), ("narrow", Arithmetic::Narrow)])
}

/// Reads a curve by its name here or by the one circom knows it by.
pub(crate) fn curve(text: &str) -> Result<Curve, String> {
    let all = [("bn254", Curve::Bn254), ("bn128", Curve::Bn254), ("bls12-381", Curve::Bls12_381)];
    named(text, &all)
}

/// Reads a logarithm of a size.
pub(crate) fn log_size(text: &str) -> Result<u32, String> {
    let size = u32::from_str(text).map_err(|error| error.to_string())?;
    let range = 2..=zkpool_bench::LOG_SIZE_MAX;
    if range.contains(&size) { Ok(size) } else { Err(format!("expected {range:?}, found {size}")) }
}

/// Median and range of times for people.
pub(crate) fn range(times: &Times) -> String {
    let Times { median_ms, min_ms, max_ms } = times;
    format!("{median_ms:.2} ms ({min_ms:.2} to {max_ms:.2})")
}

/// A time for people and how many times as long as `than_ms` it is.
pub(crate) fn beside(ms: f64, than_ms: f64) -> String {
    format!("{ms:.2} ms, {:.2} times the device's", ms / than_ms)
}

/// Stages for people, a line each.
pub(crate) fn stage_lines(stages: &Stages) -> String {
    let line = |(name, ms): (&&str, &f64)| format!("  {name:<20} {ms:>10.3} ms\n");
    let lines: String = stages.iter().map(line).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("stages on the device, the mean of a run:\n{lines}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_the_name_of_circom_too() {
        assert_eq!(curve("bn254"), curve("bn128"));
        assert!(curve("bn256").unwrap_err().contains("bls12-381"));
    }

    #[test]
    fn sizes_are_logarithms() {
        assert_eq!(log_size("16"), Ok(16));
        assert!(log_size("65536").is_err() && log_size("1").is_err());
    }
}
