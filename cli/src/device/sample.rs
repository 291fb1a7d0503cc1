//! Adapters for tests.

use zkpool_gpu::{AdapterReport, Arithmetic};

/// Adapters from a letter each: a GPU `g`, a software adapter `s`, and `x`, which lacks what
/// kernels need.
pub(crate) fn adapters(kinds: &str) -> Vec<AdapterReport> {
    let adapter = |(index, kind)| AdapterReport {
        index,
        name: format!("{kind}{index}"),
        driver: "driver".to_owned(),
        driver_info: String::new(),
        software: kind == 's',
        memory_bytes: Some(1 << 30),
        binding_bytes_max: 1 << 30,
        workgroup_bytes_max: 1 << 15,
        arithmetic: (kind != 'x').then_some(Arithmetic::Wide),
        timestamps: true,
        pipeline_cache: true,
    };
    kinds.chars().enumerate().map(adapter).collect()
}
