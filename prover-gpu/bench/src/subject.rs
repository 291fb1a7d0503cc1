//! What is measured.

use std::time::Duration;

use ark_ec::CurveGroup;
use zkpool_gpu::{Gpu, GpuBases};
use zkpool_snark::Cpu;
use zkpool_snark::engine::{DeviceError, Msm};

/// An engine that is measured.
pub(crate) trait Subject {
    /// What it calls itself.
    fn name(&self) -> String;

    /// How long the device took for each stage since this was last asked, where it tells.
    fn take_stages(&self) -> Vec<(&'static str, Duration)>;

    /// The 32-bit multiplications with 64-bit sums that the device does in a second, measured,
    /// where its work is counted in them.
    fn word_products_per_second(&self) -> Result<Option<f64>, DeviceError>;
}

/// An engine whose multiplications are measured.
pub(crate) trait MsmSubject<G: CurveGroup>: Subject + Msm<G> {
    /// The least number of word products of one multiplication of random scalars.
    fn word_products(bases: &Self::Bases) -> u64;
}

impl<G: CurveGroup> MsmSubject<G> for Cpu
where
    Self: Msm<G>,
{
    /// The CPU is the yardstick and has none.
    fn word_products(_: &Self::Bases) -> u64 {
        0
    }
}

impl<G: CurveGroup> MsmSubject<G> for Gpu
where
    Self: Msm<G, Bases = GpuBases>,
{
    fn word_products(bases: &GpuBases) -> u64 {
        bases.word_products()
    }
}

impl Subject for Cpu {
    fn name(&self) -> String {
        "cpu".to_owned()
    }

    fn take_stages(&self) -> Vec<(&'static str, Duration)> {
        Vec::new()
    }

    fn word_products_per_second(&self) -> Result<Option<f64>, DeviceError> {
        Ok(None)
    }
}

impl Subject for Gpu {
    fn name(&self) -> String {
        self.report().name.clone()
    }

    fn take_stages(&self) -> Vec<(&'static str, Duration)> {
        self.take_profile()
    }

    fn word_products_per_second(&self) -> Result<Option<f64>, DeviceError> {
        Ok(Some(Self::word_products_per_second(self)?))
    }
}
