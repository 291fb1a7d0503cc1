//! `zkpool devices`: what can prove on this machine.

use clap::Args;
use serde::Serialize;
use zkpool_gpu::{AdapterReport, Arithmetic, Options};
use zkpool_types::DeviceClass;
use zkpool_worker::Device as _;
use zkpool_worker::{class_of, cpu};

use crate::device::{checked, is_eligible};
use crate::exit::CliError;
use crate::groth16::CacheArgs;
use crate::output::{Report, Table, fields};

/// List what can prove on this machine
///
/// Every GPU is opened and computes what is known, which takes seconds where its shaders were not
/// compiled before.
#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
    #[command(flatten)]
    cache: CacheArgs,
}

/// The devices of this machine.
#[derive(Debug, Serialize)]
struct Devices {
    adapters: Vec<AdapterRow>,
    cpu: CpuRow,
}

/// The processor.
#[derive(Debug, Serialize)]
struct CpuRow {
    threads: usize,
    price_class: DeviceClass,
    auto: bool,
}

/// An adapter.
#[derive(Debug, Serialize)]
struct AdapterRow {
    device: String,
    name: String,
    driver: String,
    driver_info: String,
    software: bool,
    memory_bytes: Option<u64>,
    binding_bytes_max: u64,
    workgroup_bytes_max: u32,
    arithmetic: Option<&'static str>,
    timestamps: bool,
    pipeline_cache: bool,
    price_class: DeviceClass,
    /// How the self-check of a GPU ended; software adapters are not checked.
    self_check: Option<String>,
    auto: bool,
}

/// A self-check that found nothing.
const PASSED: &str = "passed";

/// Runs the command.
pub(crate) fn run(args: &DevicesArgs) -> Result<Report, CliError> {
    let mut options = Options::default();
    options.cache = args.cache.pipelines();
    let check = |adapter: &AdapterReport| {
        let checked = is_eligible(adapter).then(|| checked(adapter.index, &options));
        checked.map(|ended| ended.map_or_else(|error| error.to_string(), |_| PASSED.to_owned()))
    };
    report(&devices(&zkpool_gpu::adapters(), check))
}

fn devices(
    adapters: &[AdapterReport],
    check: impl Fn(&AdapterReport) -> Option<String>,
) -> Devices {
    let mut rows: Vec<_> = adapters.iter().map(|adapter| row(adapter, check(adapter))).collect();
    let chosen = rows.iter_mut().find(|row| row.self_check.as_deref() == Some(PASSED));
    let auto_is_cpu = chosen.is_none();
    if let Some(chosen) = chosen {
        chosen.auto = true;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = CpuRow { threads, price_class: cpu().class(), auto: auto_is_cpu };
    Devices { adapters: rows, cpu }
}

fn row(adapter: &AdapterReport, self_check: Option<String>) -> AdapterRow {
    AdapterRow {
        device: format!("gpu:{}", adapter.index),
        name: adapter.name.clone(),
        driver: adapter.driver.clone(),
        driver_info: adapter.driver_info.clone(),
        software: adapter.software,
        memory_bytes: adapter.memory_bytes,
        binding_bytes_max: adapter.binding_bytes_max,
        workgroup_bytes_max: adapter.workgroup_bytes_max,
        arithmetic: adapter.arithmetic.map(arithmetic),
        timestamps: adapter.timestamps,
        pipeline_cache: adapter.pipeline_cache,
        price_class: class_of(adapter),
        self_check,
        auto: false,
    }
}

const fn arithmetic(arithmetic: Arithmetic) -> &'static str {
    match arithmetic {
        Arithmetic::Wide => "wide",
        Arithmetic::Narrow => "narrow",
    }
}

fn report(devices: &Devices) -> Result<Report, CliError> {
    let headings = ["device", "kind", "name", "memory", "charged as", "self-check", "auto"];
    let mut table = Table::new(&headings);
    let chosen = |auto| if auto { "chosen" } else { "" }.to_owned();
    let CpuRow { threads, price_class, auto } = &devices.cpu;
    table.row(vec![
        "cpu".to_owned(),
        "CPU".to_owned(),
        format!("{threads} threads"),
        String::new(),
        price_class.to_string(),
        String::new(),
        chosen(*auto),
    ]);
    for row in &devices.adapters {
        table.row(vec![
            row.device.clone(),
            if row.software { "software" } else { "GPU" }.to_owned(),
            row.name.clone(),
            row.memory_bytes.map_or_else(String::new, gib),
            row.price_class.to_string(),
            row.self_check.clone().unwrap_or_default(),
            chosen(row.auto),
        ]);
    }
    let details: String = devices.adapters.iter().map(details).collect();
    Report::new(devices, format!("{}{details}", table.render()))
}

/// What is of use when something does not work.
fn details(row: &AdapterRow) -> String {
    let lines = fields(&[
        ("driver", format!("{}, {}", row.driver, row.driver_info)),
        ("arithmetic", row.arithmetic.unwrap_or("none: kernels cannot run on it").to_owned()),
        ("largest binding", gib(row.binding_bytes_max)),
        ("shared by a workgroup", format!("{} KiB", row.workgroup_bytes_max >> 10)),
    ]);
    format!("\n{}, {}\n{lines}", row.device, row.name)
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::sample::adapters;

    #[test]
    fn one_device_is_the_one_that_auto_takes() {
        let adapters = adapters("sggg");
        let passes_from = |first: usize| {
            devices(&adapters, |adapter| {
                let passed = if adapter.index >= first { PASSED } else { "a sum is wrong" };
                (!adapter.software).then(|| passed.to_owned())
            })
        };
        for (first, expected) in [(1, Some(1)), (2, Some(2)), (4, None)] {
            let Devices { adapters, cpu } = passes_from(first);
            assert_eq!(adapters.iter().position(|row| row.auto), expected);
            assert_eq!(adapters.iter().filter(|row| row.auto).count(), usize::from(!cpu.auto));
            assert_eq!(cpu.auto, expected.is_none());
        }
    }
}
