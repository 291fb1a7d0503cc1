//! Device memory between uses.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wgpu::{Buffer, BufferDescriptor, BufferUsages, Device};

use crate::context::Fault;
use crate::error::GpuError;

/// A buffer is reused for requests down to this fraction of its size.
const REUSE_FRACTION: u64 = 2;

/// Idle buffers that are kept at most; the one idle longest goes first.
const IDLE_BUFFERS_MAX: usize = 64;

/// Buffers that were used and wait to be used again: making one costs the driver far more than
/// most dispatches do.
///
/// What an idle buffer holds is whatever its last user left. Users that hold secrets clear them
/// first.
#[derive(Debug)]
pub(crate) struct Pool {
    device: Device,
    fault: Arc<Fault>,
    size_max: u64,
    idle: Mutex<Vec<Buffer>>,
}

/// A buffer that returns to its pool.
#[derive(Debug)]
pub(crate) struct Scratch {
    pool: Arc<Pool>,
    buffer: Buffer,
    size: u64,
}

impl Pool {
    pub(crate) fn new(device: Device, fault: Arc<Fault>, size_max: u64) -> Self {
        Self { device, fault, size_max, idle: Mutex::default() }
    }

    /// A buffer of at least `size` bytes, with arbitrary contents.
    pub(crate) fn take(
        self: &Arc<Self>,
        what: &'static str,
        size: u64,
    ) -> Result<Scratch, GpuError> {
        // Drivers bind no empty buffers, and copies are of whole words.
        let size = size.max(16).next_multiple_of(16);
        let buffer = self.reuse(size).map_or_else(|| self.create(what, size), Ok)?;
        Ok(Scratch { pool: Arc::clone(self), buffer, size })
    }

    pub(crate) const fn size_max(&self) -> u64 {
        self.size_max
    }

    fn reuse(&self, size: u64) -> Option<Buffer> {
        let mut idle = self.idle();
        let fits = |b: &Buffer| b.size() >= size && b.size() / REUSE_FRACTION <= size;
        let best = idle.iter().enumerate().filter(|(_, b)| fits(b)).min_by_key(|(_, b)| b.size());
        best.map(|(index, _)| index).map(|index| idle.remove(index))
    }

    /// A new buffer, outside of the pool. Where memory is short, idle buffers make room.
    pub(crate) fn create(&self, what: &'static str, size: u64) -> Result<Buffer, GpuError> {
        if size > self.size_max {
            return Err(GpuError::TooLarge { what, needed: size, allowed: self.size_max });
        }
        match self.try_create(what, size) {
            Err(GpuError::OutOfMemory(_)) => {
                self.idle().clear();
                self.try_create(what, size)
            }
            created => created,
        }
    }

    fn try_create(&self, what: &'static str, size: u64) -> Result<Buffer, GpuError> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let descriptor =
            BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        self.fault.check()?;
        Ok(buffer)
    }

    fn put(&self, buffer: Buffer) {
        let mut idle = self.idle();
        idle.push(buffer);
        if idle.len() > IDLE_BUFFERS_MAX {
            idle.remove(0);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scratch {
    /// The bytes that were asked for, and no more, for a shader.
    pub(crate) fn binding(&self) -> wgpu::BufferBinding<'_> {
        let size = wgpu::BufferSize::new(self.size);
        wgpu::BufferBinding { buffer: self.buffer(), offset: 0, size }
    }

    pub(crate) const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.pool.put(self.buffer.clone());
    }
}

#[cfg(test)]
impl Pool {
    /// Frees every idle buffer.
    pub(crate) fn shrink(&self) {
        self.idle().clear();
    }

    /// The contents of every idle buffer.
    pub(crate) fn read_idle(
        self: &Arc<Self>,
        context: &crate::context::Context,
    ) -> Vec<(String, Vec<u32>)> {
        let idle = std::mem::take(&mut *self.idle());
        let read = |buffer: Buffer| {
            let what = format!("{buffer:?}");
            let scratch = Scratch { pool: Arc::clone(self), size: buffer.size(), buffer };
            let mut recorder = crate::recorder::Recorder::new(context);
            let readback = recorder.read(&[&scratch]).unwrap();
            recorder.submit().unwrap().wait().unwrap();
            (what, readback.words(context).unwrap())
        };
        idle.into_iter().map(read).collect()
    }
}
