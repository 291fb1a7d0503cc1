//! Which adapter is meant.

use std::str::FromStr;

use zkpool_gpu::AdapterReport;

/// A device as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The first GPU that computes right, or else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU, or the first software adapter where there is no GPU.
    Gpu,
    /// The adapter at this position.
    GpuAt(usize),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected auto, cpu, gpu or gpu:N, found {text:?}");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            _ => {
                let index = text.strip_prefix("gpu:").ok_or_else(expected)?;
                index.parse().map(Self::GpuAt).map_err(|_| expected())
            }
        }
    }
}

impl Wanted {
    /// The positions of the adapters to open, in order, until one of them works.
    pub(crate) fn candidates(self, adapters: &[AdapterReport]) -> Vec<usize> {
        let gpus = || adapters.iter().filter(|adapter| is_eligible(adapter));
        let software = || adapters.iter().filter(|adapter| can_compute(adapter));
        let positions = match self {
            Self::Cpu => Vec::new(),
            Self::Auto => gpus().collect(),
            Self::Gpu => gpus().chain(software()).take(1).collect(),
            Self::GpuAt(index) => return vec![index],
        };
        positions.into_iter().map(|adapter| adapter.index).collect()
    }
}

/// Whether it is a GPU that kernels can run on: no other is used without being asked for.
pub(crate) const fn is_eligible(adapter: &AdapterReport) -> bool {
    can_compute(adapter) && !adapter.software
}

const fn can_compute(adapter: &AdapterReport) -> bool {
    adapter.arithmetic.is_some()
}

/// The adapters of a machine in one line.
pub(crate) fn found(adapters: &[AdapterReport]) -> String {
    let kind = |adapter: &AdapterReport| if adapter.software { ", software" } else { "" };
    let each = adapters.iter().map(|a| format!("gpu:{} ({}{})", a.index, a.name, kind(a)));
    match adapters {
        [] => "found no Vulkan adapter".to_owned(),
        _ => format!("found {}", each.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::sample::adapters;

    #[test]
    fn devices_are_named_in_four_ways() {
        let parse = |text: &str| text.parse::<Wanted>();
        assert_eq!(parse("auto"), Ok(Wanted::Auto));
        assert_eq!(parse("cpu"), Ok(Wanted::Cpu));
        assert_eq!(parse("gpu"), Ok(Wanted::Gpu));
        assert_eq!(parse("gpu:3"), Ok(Wanted::GpuAt(3)));
        for text in ["", "GPU", "gpu:", "gpu:-1", "gpu:x", "cuda"] {
            assert!(parse(text).unwrap_err().contains("gpu:N"), "{text}");
        }
    }

    #[test]
    fn auto_tries_every_gpu_in_order_and_no_software_adapter() {
        for (kinds, expected) in
            [("", vec![]), ("s", vec![]), ("x", vec![]), ("sgxg", vec![1, 3]), ("g", vec![0])]
        {
            assert_eq!(Wanted::Auto.candidates(&adapters(kinds)), expected, "{kinds}");
        }
    }

    #[test]
    fn gpu_is_the_first_gpu_and_a_software_adapter_only_where_there_is_none() {
        for (kinds, expected) in
            [("", vec![]), ("x", vec![]), ("ss", vec![0]), ("xs", vec![1]), ("sgg", vec![1])]
        {
            assert_eq!(Wanted::Gpu.candidates(&adapters(kinds)), expected, "{kinds}");
        }
    }

    #[test]
    fn a_position_is_taken_as_it_is_and_the_cpu_is_no_adapter() {
        assert_eq!(Wanted::GpuAt(7).candidates(&adapters("g")), [7]);
        assert!(Wanted::Cpu.candidates(&adapters("g")).is_empty());
    }

    #[test]
    fn what_was_found_is_named() {
        assert_eq!(found(&adapters("sg")), "found gpu:0 (s0, software), gpu:1 (g1)");
        assert_eq!(found(&[]), "found no Vulkan adapter");
    }
}
