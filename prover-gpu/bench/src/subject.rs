//! What is measured.

use std::time::Duration;

use zkpool_gpu::Gpu;
use zkpool_snark::Cpu;

/// An engine that is measured.
pub(crate) trait Subject {
    /// What it calls itself.
    fn name(&self) -> String;

    /// How long the device took for each stage since this was last asked, where it tells.
    fn take_stages(&self) -> Vec<(&'static str, Duration)>;
}

impl Subject for Cpu {
    fn name(&self) -> String {
        "cpu".to_owned()
    }

    fn take_stages(&self) -> Vec<(&'static str, Duration)> {
        Vec::new()
    }
}

impl Subject for Gpu {
    fn name(&self) -> String {
        self.report().name.clone()
    }

    fn take_stages(&self) -> Vec<(&'static str, Duration)> {
        self.take_profile()
    }
}
