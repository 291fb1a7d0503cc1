//! An opened device and everything that is shared by what runs on it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::prelude::*;
use wgpu::{
    Adapter, Buffer, BufferAddress, Device, DeviceDescriptor, ExperimentalFeatures, Features,
    MemoryHints, PipelineCache, PipelineCacheDescriptor, Queue, ShaderRuntimeChecks, Trace,
};

use crate::adapter::{self, AdapterReport, Arithmetic};
use crate::error::GpuError;
use crate::pool::{Pool, Scratch};
use crate::shader::{Pipeline, Shader};

/// How a device is to be used.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Memory for the bases of all keys, in bytes. Half of the device's by default.
    pub resident_bytes_max: Option<u64>,
    /// Memory for the multiples of one set of bases, in bytes. A sixteenth of that for all keys
    /// by default.
    pub table_bytes_max: Option<u64>,
    /// Bytes of one binding, where fewer are wanted than the adapter allows.
    pub binding_bytes_max: Option<u64>,
    /// Bytes that a workgroup shares, where fewer are wanted than the adapter allows.
    pub workgroup_bytes_max: Option<u32>,
    /// Arithmetic other than the adapter's fastest.
    pub arithmetic: Option<Arithmetic>,
    /// Windows of this many bits in every multiplication, rather than those that cost least.
    pub window_bits: Option<u32>,
    /// Whether shaders check every index and bound every loop. Slower.
    pub runtime_checks: bool,
    /// Whether the stages of every submission are timed on the device.
    pub profile: bool,
    /// The directory in which compiled pipelines are kept.
    pub cache: Option<PathBuf>,
}

/// The device's memory where the driver does not tell: 4 GiB.
const MEMORY_BYTES_DEFAULT: u64 = 4 << 30;

/// Of the device's memory, the fraction for keys; the rest is for the work on them.
const RESIDENT_FRACTION: u64 = 2;

/// Of the memory for keys, the fraction for one set of bases: a key has five sets, one of which
/// takes twice the room.
const TABLE_FRACTION: u64 = 16;

pub(crate) struct Context {
    pub(crate) device: Device,
    pub(crate) queue: Queue,
    pub(crate) report: AdapterReport,
    pub(crate) options: Options,
    pub(crate) fault: Arc<Fault>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) profile: Option<Profile>,
    cache: Option<DiskCache>,
    compiled: Mutex<Vec<(&'static str, Duration)>>,
}

/// The first thing that went wrong and was not yet told.
#[derive(Debug, Default)]
pub(crate) struct Fault(Mutex<Option<GpuError>>);

/// How long the device took for each stage, since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Profile(Mutex<Vec<(&'static str, Duration)>>);

impl Context {
    pub(crate) fn open(index: usize, options: Options) -> Result<Self, GpuError> {
        let adapters = adapter::enumerate();
        let available = adapters.len();
        let adapter = adapters.get(index).ok_or(GpuError::NoAdapter { index, available })?;
        let report = adapter::report(index, adapter);
        let fastest = report.arithmetic.ok_or(GpuError::Unsupported("push constants"))?;
        if options.arithmetic == Some(Arithmetic::Wide) && fastest == Arithmetic::Narrow {
            return Err(GpuError::Unsupported("64-bit integers in shaders"));
        }
        let (device, queue) = request(adapter)?;
        let fault = Fault::watch(&device);
        let binding_bytes_max =
            report.binding_bytes_max.min(options.binding_bytes_max.unwrap_or(u64::MAX));
        let pool = Arc::new(Pool::new(device.clone(), Arc::clone(&fault), binding_bytes_max));
        let cache = DiskCache::open(&options, adapter, &device);
        let profile = (options.profile && report.timestamps).then(Profile::default);
        Ok(Self {
            device,
            queue,
            report,
            options,
            fault,
            pool,
            profile,
            cache,
            compiled: Mutex::default(),
        })
    }

    pub(crate) fn arithmetic(&self) -> Arithmetic {
        self.options.arithmetic.or(self.report.arithmetic).unwrap_or(Arithmetic::Narrow)
    }

    /// Bytes of the largest buffer that a shader can use.
    pub(crate) fn binding_bytes_max(&self) -> u64 {
        self.pool.size_max()
    }

    /// Bytes that the threads of a workgroup can share.
    pub(crate) fn workgroup_bytes_max(&self) -> u32 {
        self.report.workgroup_bytes_max.min(self.options.workgroup_bytes_max.unwrap_or(u32::MAX))
    }

    /// Memory for the bases of all keys, in bytes.
    pub(crate) fn resident_bytes_max(&self) -> u64 {
        let memory = self.report.memory_bytes.unwrap_or(MEMORY_BYTES_DEFAULT);
        self.options.resident_bytes_max.unwrap_or(memory / RESIDENT_FRACTION)
    }

    /// Memory for one set of bases, in bytes.
    pub(crate) fn table_bytes_max(&self) -> u64 {
        self.options.table_bytes_max.unwrap_or(self.resident_bytes_max() / TABLE_FRACTION)
    }

    /// Compiles shaders, all at the same time, and keeps the result on disk.
    pub(crate) fn compile(&self, shaders: &[Shader]) -> Result<Vec<Pipeline>, GpuError> {
        let checks = if self.options.runtime_checks {
            ShaderRuntimeChecks::checked()
        } else {
            ShaderRuntimeChecks::unchecked()
        };
        let cache = self.cache.as_ref();
        let compile = |shader: &Shader| {
            let started = std::time::Instant::now();
            let pipeline =
                shader.compile(&self.device, cache.map(|cache| &cache.pipelines), checks);
            self.compiled().push((shader.label, started.elapsed()));
            pipeline
        };
        let pipelines = shaders.par_iter().map(compile).collect();
        self.fault.check()?;
        if let Some(cache) = cache {
            cache.save();
        }
        Ok(pipelines)
    }

    /// How long each shader took to compile, in the order in which they were done.
    pub(crate) fn compile_times(&self) -> Vec<(&'static str, Duration)> {
        self.compiled().clone()
    }

    fn compiled(&self) -> MutexGuard<'_, Vec<(&'static str, Duration)>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer that holds what `fill` writes: chunks of `chunk` bytes, each from its index.
    pub(crate) fn upload(
        &self,
        what: &'static str,
        (count, chunk): (usize, usize),
        fill: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<Scratch, GpuError> {
        let scratch = self.pool.take(what, (count * chunk) as u64)?;
        self.write(scratch.buffer(), 0, (count, chunk), fill)?;
        Ok(scratch)
    }

    /// Writes `count` chunks of `chunk` bytes from `offset` on. A multiple of four bytes in all.
    pub(crate) fn write(
        &self,
        buffer: &Buffer,
        offset: BufferAddress,
        (count, chunk): (usize, usize),
        fill: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), GpuError> {
        let block = (UPLOAD_BLOCK_BYTES / chunk).max(1);
        (0..count.div_ceil(block)).into_par_iter().for_each(|index| {
            let first = index * block;
            let mut bytes = vec![0; block.min(count - first) * chunk];
            for (i, bytes) in bytes.chunks_exact_mut(chunk).enumerate() {
                fill(first + i, bytes);
            }
            self.queue.write_buffer(buffer, offset + (first * chunk) as u64, &bytes);
        });
        self.fault.check()
    }
}

/// Bytes that one thread prepares and uploads at a time.
const UPLOAD_BLOCK_BYTES: usize = 1 << 20;

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("report", &self.report).finish_non_exhaustive()
    }
}

fn request(adapter: &Adapter) -> Result<(Device, Queue), GpuError> {
    let descriptor = DeviceDescriptor {
        label: Some("zkpool"),
        required_features: adapter::features(adapter),
        required_limits: adapter.limits(),
        experimental_features: ExperimentalFeatures::disabled(),
        memory_hints: MemoryHints::Performance,
        trace: Trace::Off,
    };
    pollster::block_on(adapter.request_device(&descriptor))
        .map_err(|error| GpuError::Open(error.to_string()))
}

impl Fault {
    /// Takes over what the device reports, which would end the process otherwise.
    fn watch(device: &Device) -> Arc<Self> {
        let fault = Arc::new(Self::default());
        let (errors, losses) = (Arc::clone(&fault), Arc::clone(&fault));
        device.on_uncaptured_error(Arc::new(move |error| errors.report(describe(error))));
        device.set_device_lost_callback(move |_, message| losses.report(GpuError::Lost(message)));
        fault
    }

    /// Keeps an error until someone asks.
    pub(crate) fn report(&self, error: GpuError) {
        tracing::warn!(%error, "the device reported an error");
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What follows the first error says nothing new, but that the device is lost.
        if first.is_none() || matches!(error, GpuError::Lost(_)) {
            *first = Some(error);
        }
    }

    /// Tells what went wrong: a loss to everyone from then on, all else once.
    pub(crate) fn check(&self) -> Result<(), GpuError> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match first.take() {
            Some(lost @ GpuError::Lost(_)) => {
                *first = Some(lost.clone());
                Err(lost)
            }
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn describe(error: wgpu::Error) -> GpuError {
    match error {
        wgpu::Error::OutOfMemory { source } => GpuError::OutOfMemory(source.to_string()),
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            GpuError::Refused(description)
        }
    }
}

impl Profile {
    /// Adds the stages of a submission, from pairs of 64-bit ticks of `period` nanoseconds.
    pub(crate) fn add(&self, labels: &[&'static str], ticks: &[u32], period: f32) {
        let tick = |words: &[u32; 2]| u64::from(words[0]) | u64::from(words[1]) << 32;
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (label, [begin_low, begin_high, end_low, end_high]) in
            labels.iter().zip(ticks.as_chunks().0)
        {
            let (begin, end) = (tick(&[*begin_low, *begin_high]), tick(&[*end_low, *end_high]));
            #[allow(clippy::cast_precision_loss)]
            let nanoseconds = end.saturating_sub(begin) as f64 * f64::from(period);
            let elapsed = Duration::from_secs_f64(nanoseconds * 1e-9);
            match stages.iter_mut().find(|(stage, _)| stage == label) {
                Some((_, total)) => *total += elapsed,
                None => stages.push((label, elapsed)),
            }
        }
    }

    /// The stages in the order in which they first ran, and starts again.
    pub(crate) fn take(&self) -> Vec<(&'static str, Duration)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Compiled pipelines on disk.
#[derive(Debug)]
struct DiskCache {
    path: PathBuf,
    pipelines: PipelineCache,
}

impl DiskCache {
    fn open(options: &Options, adapter: &Adapter, device: &Device) -> Option<Self> {
        let directory = options.cache.as_deref()?;
        if !device.features().contains(Features::PIPELINE_CACHE) {
            return None;
        }
        let name = wgpu::util::pipeline_cache_key(&adapter.get_info())?;
        let path = directory.join(name);
        let pipelines = load(device, std::fs::read(&path).ok().as_deref());
        Some(Self { path, pipelines })
    }

    /// Replaces the file. A cache that cannot be written costs time, never a proof.
    fn save(&self) {
        let saved = self.pipelines.get_data().map_or(Ok(()), |data| replace(&self.path, &data));
        if let Err(error) = saved {
            tracing::warn!(%error, path = %self.path.display(), "compiled pipelines were not kept");
        }
    }
}

fn replace(path: &Path, data: &[u8]) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    std::fs::write(&temporary, data)?;
    std::fs::rename(&temporary, path)
}

#[allow(unsafe_code)]
fn load(device: &Device, data: Option<&[u8]>) -> PipelineCache {
    let descriptor = PipelineCacheDescriptor { label: Some("zkpool"), data, fallback: true };
    // SAFETY: the data is what this function's caller saved from a cache of the same adapter, in
    // a directory of the user's own; wgpu checks its header, and drivers theirs.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
