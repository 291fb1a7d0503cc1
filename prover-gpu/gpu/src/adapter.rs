//! The adapters of a machine and what they offer.

use wgpu::{Adapter, DeviceType, Features, Instance, InstanceDescriptor};

use crate::codegen::Column;

/// What the kernels cannot do without.
const REQUIRED: Features = Features::IMMEDIATES;

/// How shaders multiply residues.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Arithmetic {
    /// 28- and 29-bit limbs, products summed in 64-bit integers.
    Wide,
    /// 12-bit limbs, products summed in 32-bit integers: several times slower, and the only one
    /// on adapters without 64-bit integers.
    Narrow,
}

impl Arithmetic {
    pub(crate) const fn column(self) -> Column {
        match self {
            Self::Wide => Column::U64,
            Self::Narrow => Column::U32,
        }
    }
}

/// An adapter as its driver describes it.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Its position among the adapters of this machine.
    pub index: usize,
    /// The name of the device.
    pub name: String,
    /// The name of the driver.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// Whether it computes on the processor.
    pub software: bool,
    /// Memory of the device in bytes, where the driver tells.
    pub memory_bytes: Option<u64>,
    /// Bytes that a shader can address in one buffer.
    pub binding_bytes_max: u64,
    /// Bytes that the threads of a workgroup can share.
    pub workgroup_bytes_max: u32,
    /// The fastest arithmetic it can do, unless the kernels cannot run on it at all.
    pub arithmetic: Option<Arithmetic>,
    /// Whether stages can be timed on the device.
    pub timestamps: bool,
    /// Whether compiled pipelines can be kept on disk.
    pub pipeline_cache: bool,
}

/// Describes every adapter of this machine that has a Vulkan driver, in the driver's order.
#[must_use]
pub fn adapters() -> Vec<AdapterReport> {
    enumerate().iter().enumerate().map(|(index, adapter)| report(index, adapter)).collect()
}

pub(crate) fn enumerate() -> Vec<Adapter> {
    let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN))
}

pub(crate) fn report(index: usize, adapter: &Adapter) -> AdapterReport {
    let (info, features, limits) = (adapter.get_info(), adapter.features(), adapter.limits());
    let arithmetic = features.contains(REQUIRED).then(|| fastest(features));
    AdapterReport {
        index,
        name: info.name,
        driver: info.driver,
        driver_info: info.driver_info,
        software: info.device_type == DeviceType::Cpu,
        memory_bytes: memory_bytes(adapter),
        binding_bytes_max: limits.max_storage_buffer_binding_size,
        workgroup_bytes_max: limits.max_compute_workgroup_storage_size,
        arithmetic,
        timestamps: features.contains(Features::TIMESTAMP_QUERY),
        pipeline_cache: features.contains(Features::PIPELINE_CACHE),
    }
}

const fn fastest(features: Features) -> Arithmetic {
    if features.contains(Features::SHADER_INT64) { Arithmetic::Wide } else { Arithmetic::Narrow }
}

/// The features a device is opened with: what is required, and what makes it faster or visible.
pub(crate) fn features(adapter: &Adapter) -> Features {
    let wanted =
        REQUIRED | Features::SHADER_INT64 | Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE;
    adapter.features() & wanted
}

/// The largest heap of memory that belongs to the device itself.
#[allow(unsafe_code)]
fn memory_bytes(adapter: &Adapter) -> Option<u64> {
    // SAFETY: the adapter outlives this function, and its handles are only read.
    let heaps = unsafe {
        let adapter = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    let heaps = heaps.memory_heaps.iter().take(heaps.memory_heap_count as usize);
    // Bit 0 of a heap's flags is VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.
    heaps.filter(|heap| heap.flags.as_raw() & 1 == 1).map(|heap| heap.size).max()
}
