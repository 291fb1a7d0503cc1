//! Commands for the device, collected and submitted at once.

use std::time::Duration;

use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferDescriptor,
    BufferUsages, CommandEncoder, ComputePassDescriptor, ComputePassTimestampWrites, MapMode,
    PollType, QuerySet, QuerySetDescriptor, QueryType, SubmissionIndex,
};

use crate::context::Context;
use crate::error::GpuError;
use crate::pool::{self, Scratch};
use crate::shader::{Form, PARAMETER_BYTES_MAX, Pipeline};

/// Workgroups along one dimension of a dispatch; every adapter allows as many.
const GROUPS_PER_ROW: u32 = 1 << 15;

/// Threads of one dispatch of a kernel that says no other limit.
pub(crate) const THREADS_MAX: u32 = 1 << 24;

/// A device that takes longer than this for a submission hangs.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(300);

/// Dispatches that are timed in one submission: the most that a query set holds.
const TIMED_DISPATCHES_MAX: usize = 2048;

/// Commands being collected.
pub(crate) struct Recorder<'c> {
    context: &'c Context,
    encoder: CommandEncoder,
    timer: Option<Timer>,
    /// Buffers that commands use and that later commands may use again. They stay here until the
    /// submission: an upload by someone else would overtake commands that are not submitted.
    spare: Vec<Scratch>,
}

/// When each dispatch of a submission began and ended.
struct Timer {
    queries: QuerySet,
    labels: Vec<&'static str>,
}

/// Bytes on their way from the device.
pub(crate) struct Readback {
    staging: Buffer,
}

/// Commands that the device has been given.
pub(crate) struct Submitted<'c> {
    context: &'c Context,
    index: SubmissionIndex,
    timestamps: Option<(Vec<&'static str>, Readback)>,
}

impl<'c> Recorder<'c> {
    pub(crate) fn new(context: &'c Context) -> Self {
        let encoder = context.device.create_command_encoder(&Default::default());
        let timer = context.profile.is_some().then(|| Timer::new(context));
        Self { context, encoder, timer, spare: Vec::new() }
    }

    /// Runs a kernel of workgroups, at most `groups_max` of them at once, for the same reason as
    /// [`Self::threads`].
    pub(crate) fn groups(
        &mut self,
        pipeline: &Pipeline,
        buffers: &[BufferBinding<'_>],
        (groups, groups_max): (u32, u32),
        parameters: &[u32],
    ) {
        debug_assert!(pipeline.form == Form::Groups, "{} counts in threads", pipeline.label);
        let step = groups_max.max(1);
        for first in (0..groups).step_by(step as usize) {
            let count = step.min(groups - first);
            let parameters: Vec<_> = [first, count].iter().chain(parameters).copied().collect();
            self.dispatch(pipeline, buffers, count, &parameters);
        }
    }

    /// Runs a kernel of threads, at most `threads_max` of them at once: a device that is busy for
    /// too long with one dispatch may be reset by its driver.
    pub(crate) fn threads(
        &mut self,
        pipeline: &Pipeline,
        buffers: &[BufferBinding<'_>],
        (threads, threads_max): (u32, u32),
        parameters: &[u32],
    ) {
        debug_assert!(pipeline.form == Form::Threads, "{} counts in groups", pipeline.label);
        let step = threads_max.max(1);
        for first in (0..threads).step_by(step as usize) {
            let count = step.min(threads - first);
            let parameters: Vec<_> = [first, count].iter().chain(parameters).copied().collect();
            self.dispatch(pipeline, buffers, count.div_ceil(pipeline.workgroup), &parameters);
        }
    }

    fn dispatch(
        &mut self,
        pipeline: &Pipeline,
        buffers: &[BufferBinding<'_>],
        groups: u32,
        parameters: &[u32],
    ) {
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, b)| BindGroupEntry {
                binding,
                resource: BindingResource::Buffer(b.clone()),
            })
            .collect();
        let group = self.context.device.create_bind_group(&BindGroupDescriptor {
            label: Some(pipeline.label),
            layout: &pipeline.layout,
            entries: &entries,
        });
        let timestamp_writes = self.timer.as_mut().and_then(|timer| timer.next(pipeline.label));
        let label = Some(pipeline.label);
        let mut pass =
            self.encoder.begin_compute_pass(&ComputePassDescriptor { label, timestamp_writes });
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, &group, &[]);
        let mut bytes: Vec<u8> = parameters.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(PARAMETER_BYTES_MAX as usize, 0);
        pass.set_immediates(0, &bytes);
        let rows = groups.div_ceil(GROUPS_PER_ROW);
        pass.dispatch_workgroups(groups.min(GROUPS_PER_ROW), rows, 1);
    }

    /// A buffer of at least `size` bytes, with arbitrary contents, for commands of this recorder.
    pub(crate) fn take(&mut self, what: &'static str, size: u64) -> Result<Scratch, GpuError> {
        match pool::best_fit(self.spare.iter().map(Scratch::buffer), size) {
            Some(index) => Ok(self.spare.swap_remove(index).resized(size)),
            None => self.context.pool.take(what, size),
        }
    }

    /// Clears a buffer that no command will read any more, and leaves it to later ones.
    pub(crate) fn give(&mut self, scratch: Scratch) {
        self.clear(&scratch);
        self.spare.push(scratch);
    }

    /// Fills a buffer with zeros.
    pub(crate) fn clear(&mut self, scratch: &Scratch) {
        self.encoder.clear_buffer(scratch.buffer(), 0, Some(scratch.size()));
    }

    /// Copies whole buffers into another, one after the other.
    pub(crate) fn copy(&mut self, from: &Scratch, to: &Buffer, offset: u64) {
        self.encoder.copy_buffer_to_buffer(from.buffer(), 0, to, offset, from.size());
    }

    /// Asks for the contents of buffers, which lie one after the other in the answer.
    pub(crate) fn read(&mut self, parts: &[&Scratch]) -> Result<Readback, GpuError> {
        let size = parts.iter().map(|part| part.size()).sum();
        let readback = Readback::new(self.context, size)?;
        let mut offset = 0;
        for part in parts {
            self.copy(part, &readback.staging, offset);
            offset += part.size();
        }
        Ok(readback)
    }

    /// Hands the commands to the device.
    pub(crate) fn submit(mut self) -> Result<Submitted<'c>, GpuError> {
        let timestamps = match self.timer.take() {
            Some(timer) => Some(timer.resolve(self.context, &mut self.encoder)?),
            None => None,
        };
        let index = self.context.queue.submit([self.encoder.finish()]);
        self.context.fault.check()?;
        Ok(Submitted { context: self.context, index, timestamps })
    }
}

impl Submitted<'_> {
    /// Waits where stages are timed, since their times arrive when the device is done.
    pub(crate) fn wait_if_timed(self) -> Result<(), GpuError> {
        if self.timestamps.is_some() { self.wait() } else { Ok(()) }
    }

    /// Waits until the device is done.
    pub(crate) fn wait(self) -> Result<(), GpuError> {
        let wait = PollType::Wait {
            submission_index: Some(self.index),
            timeout: Some(SUBMISSION_TIMEOUT),
        };
        if let Err(error) = self.context.device.poll(wait) {
            let lost = GpuError::Lost(format!("a submission did not end: {error}"));
            self.context.fault.report(lost);
        }
        self.context.fault.check()?;
        if let (Some((labels, readback)), Some(profile)) = (self.timestamps, &self.context.profile)
        {
            let times = readback.words(self.context)?;
            profile.add(&labels, &times, self.context.queue.get_timestamp_period());
        }
        Ok(())
    }
}

impl Readback {
    fn new(context: &Context, size: u64) -> Result<Self, GpuError> {
        let staging = context.device.create_buffer(&BufferDescriptor {
            label: Some("readback"),
            size,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        context.fault.check()?;
        Ok(Self { staging })
    }

    /// The words that arrived. The submission must have ended.
    pub(crate) fn words(self, context: &Context) -> Result<Vec<u32>, GpuError> {
        self.staging.map_async(MapMode::Read, .., |_| ());
        // Nothing is left to wait for: this only runs the mapping.
        let polled = context
            .device
            .poll(PollType::Wait { submission_index: None, timeout: Some(SUBMISSION_TIMEOUT) });
        context.fault.check()?;
        let refused = |error: &dyn std::fmt::Display| GpuError::Refused(error.to_string());
        polled.map_err(|error| refused(&error))?;
        let bytes = self.staging.get_mapped_range(..).map_err(|error| refused(&error))?;
        let word = |b: &[u8; 4]| u32::from_le_bytes(*b);
        Ok(bytes.as_chunks::<4>().0.iter().map(word).collect())
    }
}

impl Timer {
    fn new(context: &Context) -> Self {
        let queries = context.device.create_query_set(&QuerySetDescriptor {
            label: Some("stages"),
            ty: QueryType::Timestamp,
            count: 2 * TIMED_DISPATCHES_MAX as u32,
        });
        Self { queries, labels: Vec::new() }
    }

    /// Where the next dispatch writes its times; those beyond the limit go untimed.
    fn next(&mut self, label: &'static str) -> Option<ComputePassTimestampWrites<'_>> {
        if self.labels.len() == TIMED_DISPATCHES_MAX {
            return None;
        }
        let index = 2 * self.labels.len() as u32;
        self.labels.push(label);
        Some(ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(index),
            end_of_pass_write_index: Some(index + 1),
        })
    }

    fn resolve(
        self,
        context: &Context,
        encoder: &mut CommandEncoder,
    ) -> Result<(Vec<&'static str>, Readback), GpuError> {
        let count = 2 * self.labels.len() as u32;
        let size = u64::from(count.max(2)) * 8;
        let resolved = context.device.create_buffer(&BufferDescriptor {
            label: Some("stages"),
            size,
            usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let readback = Readback::new(context, size)?;
        encoder.resolve_query_set(&self.queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &readback.staging, 0, size);
        Ok((self.labels, readback))
    }
}
