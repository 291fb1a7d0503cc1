//! What a GPU is called in price books.

use zkpool_gpu::AdapterReport;
use zkpool_types::DeviceClass;

use crate::device::CPU;

/// GPUs that price books name, by a word of the name that their drivers give them: "NVIDIA H100
/// 80GB HBM3", "NVIDIA A10G", "NVIDIA L4", "Tesla T4".
const PRICED: &[(&str, &str)] =
    &[("H100", "nvidia-h100"), ("A10G", "nvidia-a10g"), ("L4", "nvidia-l4"), ("T4", "nvidia-t4")];

/// The class that proofs of an adapter are charged as.
///
/// An adapter that computes on the processor is the CPU, whatever draws on it. So is, for its
/// price, a GPU that no price book names: its proofs cost what the CPU's time costs, the least of
/// all classes, until someone who knows its price adds it to the book and to this table.
#[must_use]
pub fn class_of(adapter: &AdapterReport) -> DeviceClass {
    DeviceClass::new(priced_as(adapter).unwrap_or(CPU))
}

fn priced_as(adapter: &AdapterReport) -> Option<&'static str> {
    let names = |word: &str| adapter.name.split([' ', '-']).any(|found| found == word);
    let known = PRICED.iter().find(|(word, _)| names(word)).map(|(_, class)| *class);
    known.filter(|_| !adapter.software)
}

#[cfg(test)]
mod tests {
    use zkpool_ledger::PriceBook;

    use super::*;

    fn class(name: &str, software: bool) -> DeviceClass {
        class_of(&AdapterReport {
            index: 0,
            name: name.to_owned(),
            driver: String::new(),
            driver_info: String::new(),
            software,
            memory_bytes: None,
            binding_bytes_max: 0,
            workgroup_bytes_max: 0,
            arithmetic: None,
            timestamps: false,
            pipeline_cache: false,
        })
    }

    #[test]
    fn gpus_have_the_class_of_their_model_and_no_other() {
        for (name, expected) in [
            ("NVIDIA H100 80GB HBM3", "nvidia-h100"),
            ("NVIDIA H100 PCIe", "nvidia-h100"),
            ("NVIDIA A10G", "nvidia-a10g"),
            ("NVIDIA L4", "nvidia-l4"),
            ("Tesla T4", "nvidia-t4"),
            ("NVIDIA L40S", "cpu"),
            ("NVIDIA H200", "cpu"),
            ("NVIDIA A10", "cpu"),
        ] {
            assert_eq!(class(name, false).as_str(), expected, "{name}");
        }
    }

    #[test]
    fn a_software_adapter_is_charged_as_the_cpu_whatever_it_calls_itself() {
        assert_eq!(class("llvmpipe (LLVM 15.0.6, 256 bits)", true).as_str(), "cpu");
        assert_eq!(class("NVIDIA H100", true).as_str(), "cpu");
    }

    #[test]
    fn every_class_has_a_price_and_none_is_below_the_cpus() {
        let book = PriceBook::builtin().unwrap();
        let price = |class| book.device_price(&DeviceClass::new(class)).unwrap();
        for (_, class) in PRICED {
            assert!(price(class) > price(CPU), "{class}");
        }
    }
}
