//! The commands of a multiplication.

use wgpu::BufferBinding;

use super::bases::Bases;
use super::kernels::{SCAN_BLOCK, SortKernels};
use super::plan::{ENTRY_BYTES, PARTIALS_PER_SEGMENT, Plan};
use crate::error::GpuError;
use crate::pool::Scratch;
use crate::recorder::{Readback, Recorder, THREADS_MAX};

/// Points that the host may be left with: it adds one in about a microsecond.
const HOST_POINTS_MAX: u32 = 256;

/// Points that a thread of a reduction takes.
const REDUCTION_POINTS: u32 = 16;

/// Partial sums that a thread joins.
const COMBINED_SLOTS: u32 = 16;

/// Additions of one dispatch at most: about ten milliseconds of a large device and under half a
/// second of a small one.
const ADDITIONS_MAX: u32 = 1 << 24;

/// A multiplication that was recorded: what the host finishes once its points have arrived.
pub(crate) struct Multiplication {
    pub(super) readback: Readback,
    pub(super) parts: Vec<Part>,
    pub(super) sets: u32,
    pub(super) window_bits: u32,
}

/// Points of each set whose sum, times 2^`scale_log2`, belongs to the set's sum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) points_per_set: u32,
    pub(super) scale_log2: u32,
    /// The weight of the first point, and how much more each next one weighs.
    pub(super) weights: (u64, u64),
}

/// Everything a multiplication is recorded with.
struct Recording<'r, 'c> {
    recorder: &'r mut Recorder<'c>,
    bases: &'r Bases,
    plan: Plan,
    /// Buffers that tell about the scalars, to be cleared in the end.
    secret: Vec<Scratch>,
}

/// Entries in the order of their buckets.
struct Sorted {
    entries: Scratch,
    total: Scratch,
}

/// Records the sum of each base times its scalar; `scalars` are integers of eight words.
pub(crate) fn record<'c>(
    recorder: &mut Recorder<'c>,
    sort: &SortKernels,
    bases: &Bases,
    (scalars, count): (&Scratch, u32),
) -> Result<Multiplication, GpuError> {
    let plan = bases.plan;
    let mut recording = Recording { recorder, bases, plan, secret: Vec::new() };
    let sorted = recording.sort(sort, scalars, count)?;
    let buckets = recording.accumulate(sorted)?;
    let (parts, points) = recording.reduce(buckets)?;
    recording.finish(parts, points)
}

impl Recording<'_, '_> {
    fn take(&mut self, what: &'static str, count: u64, bytes: u64) -> Result<Scratch, GpuError> {
        self.recorder.take(what, count * bytes)
    }

    fn take_points(&mut self, what: &'static str, count: u32) -> Result<Scratch, GpuError> {
        self.take(what, u64::from(count), self.bases.kernels.xyzz_bytes())
    }

    /// Counts the entries of each bucket, finds where each begins, and puts them there.
    fn sort(
        &mut self,
        kernels: &SortKernels,
        scalars: &Scratch,
        count: u32,
    ) -> Result<Sorted, GpuError> {
        let plan = self.plan;
        let buckets = plan.buckets();
        let counters = self.take("counters", u64::from(buckets), 4)?;
        let blocks = self.take("blocks", u64::from(buckets.div_ceil(SCAN_BLOCK)), 4)?;
        let total = self.take("total", 1, 4)?;
        let entries = self.take("entries", plan.entries_max(), ENTRY_BYTES)?;
        let digits = [plan.bases, count, plan.window_bits, plan.rows, plan.sets];
        let bases = (plan.bases, THREADS_MAX);
        let positions = &self.bases.positions;
        let recorder = &mut *self.recorder;
        recorder.clear(&counters);
        let buffers = [scalars.binding(), positions.binding(), counters.binding()];
        recorder.threads(&kernels.count, &buffers, bases, &digits);
        let buffers = [counters.binding(), blocks.binding()];
        let groups = (buckets.div_ceil(SCAN_BLOCK), THREADS_MAX);
        recorder.groups(&kernels.scan_blocks, &buffers, groups, &[buckets]);
        let totals = [blocks.binding(), total.binding()];
        recorder.groups(&kernels.scan_totals, &totals, (1, 1), &[groups.0]);
        recorder.threads(&kernels.scan_add, &buffers, (buckets, THREADS_MAX), &[]);
        let buffers =
            [scalars.binding(), positions.binding(), counters.binding(), entries.binding()];
        recorder.threads(&kernels.scatter, &buffers, bases, &digits);
        self.secret.extend([counters, blocks]);
        Ok(Sorted { entries, total })
    }

    /// Sums the points of each bucket.
    fn accumulate(&mut self, sorted: Sorted) -> Result<Scratch, GpuError> {
        let plan = self.plan;
        let buckets = self.take_points("buckets", plan.buckets())?;
        self.recorder.clear(&buckets);
        let segments = plan.segments();
        let (partials, keys) = self.take_slots(segments)?;
        let Sorted { entries, total } = sorted;
        let mut buffers: Vec<BufferBinding<'_>> =
            self.bases.chunks().iter().map(|chunk| chunk.as_entire_buffer_binding()).collect();
        buffers.extend([&entries, &total, &buckets, &partials, &keys].map(Scratch::binding));
        let threads = (segments, ADDITIONS_MAX / plan.segment.min(ADDITIONS_MAX));
        self.recorder.threads(&self.bases.accumulate, &buffers, threads, &[plan.segment]);
        self.secret.extend([entries, total]);
        self.combine(&buckets, segments, (partials, keys))?;
        Ok(buckets)
    }

    /// Slots for the partial sums of so many segments.
    fn take_slots(&mut self, segments: u32) -> Result<(Scratch, Scratch), GpuError> {
        let slots = u64::from(segments) * PARTIALS_PER_SEGMENT;
        let bytes = self.bases.kernels.xyzz_bytes();
        Ok((self.take("partial sums", slots, bytes)?, self.take("partial keys", slots, 4)?))
    }

    /// Joins what segments cut, until one thread sees all that is left.
    fn combine(
        &mut self,
        buckets: &Scratch,
        mut segments: u32,
        mut slots: (Scratch, Scratch),
    ) -> Result<(), GpuError> {
        while segments > 1 {
            let count = segments * PARTIALS_PER_SEGMENT as u32;
            segments = count.div_ceil(COMBINED_SLOTS);
            let next = self.take_slots(segments)?;
            let buffers = [&slots.0, &slots.1, buckets, &next.0, &next.1].map(Scratch::binding);
            let threads = (segments, ADDITIONS_MAX / COMBINED_SLOTS);
            let parameters = [COMBINED_SLOTS, count];
            self.recorder.threads(&self.bases.kernels.combine, &buffers, threads, &parameters);
            let (partials, keys) = std::mem::replace(&mut slots, next);
            self.secret.extend([partials, keys]);
        }
        self.secret.extend([slots.0, slots.1]);
        Ok(())
    }

    /// Sums the buckets of each set with weights 1, 2, ..., down to what the host may be left
    /// with.
    fn reduce(&mut self, buckets: Scratch) -> Result<(Vec<Part>, Vec<Scratch>), GpuError> {
        let (sets, kernels) = (self.plan.sets, &self.bases.kernels);
        let (mut parts, mut points) = (Vec::new(), Vec::new());
        let mut level = buckets;
        let mut per_set = self.plan.set_buckets();
        let (mut offset, mut scale_log2) = (1, 0);
        while sets * per_set > HOST_POINTS_MAX && per_set > 1 {
            let length = per_set.min(REDUCTION_POINTS);
            per_set /= length;
            let count = sets * per_set;
            let sums = self.take_points("sums", count)?;
            let weighted = self.take_points("weighted sums", count)?;
            let buffers = [&level, &sums, &weighted].map(Scratch::binding);
            let threads = (count, ADDITIONS_MAX / REDUCTION_POINTS);
            self.recorder.threads(&kernels.reduce, &buffers, threads, &[length, offset]);
            let (points_per_set, weighted) = self.sum(weighted, per_set)?;
            parts.push(Part { points_per_set, scale_log2, weights: (1, 0) });
            points.push(weighted);
            self.secret.push(std::mem::replace(&mut level, sums));
            offset = 0;
            scale_log2 += length.ilog2();
        }
        let weights = (u64::from(offset), 1);
        parts.push(Part { points_per_set: per_set, scale_log2, weights });
        points.push(level);
        Ok((parts, points))
    }

    /// Sums the points of each set down to what the host may be left with.
    fn sum(&mut self, points: Scratch, per_set: u32) -> Result<(u32, Scratch), GpuError> {
        let (mut points, mut per_set) = (points, per_set);
        while self.plan.sets * per_set > HOST_POINTS_MAX && per_set > 1 {
            let length = per_set.min(REDUCTION_POINTS);
            per_set /= length;
            let count = self.plan.sets * per_set;
            let sums = self.take_points("sums", count)?;
            let buffers = [&points, &sums].map(Scratch::binding);
            let threads = (count, ADDITIONS_MAX / REDUCTION_POINTS);
            self.recorder.threads(&self.bases.kernels.sum, &buffers, threads, &[length]);
            self.secret.push(std::mem::replace(&mut points, sums));
        }
        Ok((per_set, points))
    }

    /// Sends the last points to the host, and clears everything that tells about the scalars.
    fn finish(
        mut self,
        parts: Vec<Part>,
        points: Vec<Scratch>,
    ) -> Result<Multiplication, GpuError> {
        let readback = self.recorder.read(&points.iter().collect::<Vec<_>>())?;
        self.secret.extend(points);
        for scratch in self.secret {
            self.recorder.give(scratch);
        }
        let Plan { sets, window_bits, .. } = self.plan;
        Ok(Multiplication { readback, parts, sets, window_bits })
    }
}
