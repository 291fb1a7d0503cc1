//! The device that proves: the CPU, or a GPU that was checked.

mod choice;
#[cfg(test)]
pub(crate) mod sample;

use std::sync::Arc;

use clap::Args;
use zkpool_gpu::{AdapterReport, Gpu, GpuError, Options};
use zkpool_worker::{Device, cpu};

use crate::exit::CliError;
use crate::groth16::CacheArgs;

pub(crate) use choice::{Wanted, found, is_eligible};

/// Which device proves.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeviceArgs {
    /// What proves: auto, cpu, gpu, or gpu:N as `zkpool devices` counts them
    ///
    /// `auto` is the first GPU that passes its self-check, or else the CPU. `gpu` is the first
    /// GPU, or a software adapter where there is none.
    #[arg(long, env = "ZKPOOL_DEVICE", value_name = "DEVICE", default_value = "auto")]
    device: Wanted,
    /// Where records of checked keys and compiled shaders are kept.
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

/// An opened device.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// The processor.
    Cpu,
    /// A GPU that passed its self-check.
    Gpu(Gpu),
}

impl DeviceArgs {
    /// Opens the device.
    ///
    /// # Errors
    /// A GPU was asked for and cannot be used. Where that was left open, the CPU proves.
    pub(crate) fn open(&self) -> Result<Engine, CliError> {
        self.open_with(Options::default())
    }

    /// Whether the CPU may prove what the device does not.
    pub(crate) fn may_be_the_cpu(&self) -> bool {
        self.device == Wanted::Auto
    }

    /// [`DeviceArgs::open`] with these options, to which the cache is added.
    pub(crate) fn open_with(&self, mut options: Options) -> Result<Engine, CliError> {
        if self.device == Wanted::Cpu {
            return Ok(Engine::Cpu);
        }
        options.cache = self.cache.pipelines();
        let adapters = zkpool_gpu::adapters();
        let opened = first_that_opens(self.device, &adapters, |index| checked(index, &options))?;
        Ok(opened.map_or(Engine::Cpu, Engine::Gpu))
    }
}

impl Engine {
    /// What it calls itself.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Cpu => "CPU",
            Self::Gpu(gpu) => &gpu.report().name,
        }
    }

    /// The GPU, if it is one.
    pub(crate) const fn gpu(&self) -> Option<&Gpu> {
        match self {
            Self::Cpu => None,
            Self::Gpu(gpu) => Some(gpu),
        }
    }

    /// The same device for a prover of jobs.
    pub(crate) fn device(&self) -> Arc<dyn Device> {
        match self {
            Self::Cpu => Arc::new(cpu()),
            Self::Gpu(gpu) => Arc::new(zkpool_worker::gpu(gpu.clone())),
        }
    }
}

/// Opens an adapter and lets it compute what is known.
pub(crate) fn checked(index: usize, options: &Options) -> Result<Gpu, GpuError> {
    let gpu = Gpu::open(index, options.clone())?;
    gpu.self_check()?;
    Ok(gpu)
}

/// The first of the wanted adapters that `open` opens, or none where the CPU is to prove.
fn first_that_opens<T>(
    wanted: Wanted,
    adapters: &[AdapterReport],
    open: impl Fn(usize) -> Result<T, GpuError>,
) -> Result<Option<T>, CliError> {
    let mut why = None;
    for index in wanted.candidates(adapters) {
        match open(index) {
            Ok(opened) => return Ok(Some(opened)),
            Err(error) if wanted == Wanted::Auto => {
                tracing::warn!(%error, index, "this GPU is not used");
            }
            Err(error) => why = Some(error),
        }
    }
    match wanted {
        Wanted::Auto | Wanted::Cpu => Ok(None),
        Wanted::Gpu | Wanted::GpuAt(_) => Err(CliError::Device { found: found(adapters), why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::sample::adapters;

    /// Opens all adapters but the first ones, which compute wrong results.
    fn sound_from(first: usize) -> impl Fn(usize) -> Result<usize, GpuError> {
        move |index| if index < first { Err(GpuError::SelfCheck("a sum")) } else { Ok(index) }
    }

    #[test]
    fn auto_takes_the_first_gpu_that_computes_right_and_else_the_cpu() {
        let auto =
            |first| first_that_opens(Wanted::Auto, &adapters("gg"), sound_from(first)).unwrap();
        assert_eq!([auto(0), auto(1), auto(2)], [Some(0), Some(1), None]);
    }

    #[test]
    fn a_gpu_that_was_asked_for_and_does_not_work_is_an_error_that_names_what_there_is() {
        for wanted in [Wanted::Gpu, Wanted::GpuAt(0)] {
            let error =
                first_that_opens(wanted, &adapters("gg"), sound_from(1)).unwrap_err().to_string();
            assert!(error.contains("self-check") && error.contains("gpu:1 (g1)"), "{error}");
        }
        let none = first_that_opens(Wanted::Gpu, &[], sound_from(0)).unwrap_err().to_string();
        assert!(none.contains("no Vulkan adapter"), "{none}");
    }

    #[test]
    fn the_cpu_opens_nothing() {
        let opened = first_that_opens(Wanted::Cpu, &adapters("g"), sound_from(0));
        assert_eq!(opened.unwrap(), None);
    }
}
