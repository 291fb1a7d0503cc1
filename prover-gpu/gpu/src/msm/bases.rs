//! Bases that rest on the device, with as many of their multiples as the budget allows.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::PrimeField;
use wgpu::Buffer;
use zkpool_circuit_files::{Coordinate, Points};

use super::kernels::CurveKernels;
use super::plan::{Limits, Plan, Shape};
use crate::context::Context;
use crate::error::GpuError;
use crate::pool::Scratch;
use crate::recorder::{Recorder, THREADS_MAX};
use crate::shader::Pipeline;

/// Points that are prepared at once: what it takes beside the table is for as many.
const BATCH_POINTS: u32 = 1 << 18;

/// Points whose inversions are shared: an inversion costs as much as a few hundred products, and
/// each point adds three.
const INVERSION_POINTS: u32 = 32;

/// Bases of multi-scalar multiplications in a group, on the device.
pub(crate) struct Bases {
    pub(super) plan: Plan,
    pub(super) kernels: Arc<CurveKernels>,
    pub(super) accumulate: Arc<Pipeline>,
    /// For each base, the position of its scalar.
    pub(super) positions: Scratch,
    table: Table,
    bytes: u64,
}

/// How much may be kept of the multiples of a set of bases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableOptions {
    /// Memory for them.
    pub(crate) bytes_max: u64,
    /// Windows of just so many bits, where someone says so.
    pub(crate) window_bits: Option<u32>,
}

/// Rows of affine points, one after the other, in as many buffers as it takes.
struct Table {
    chunks: Vec<Buffer>,
    shift: u32,
}

impl Bases {
    /// Takes bases over and computes their multiples; none if all are at infinity.
    pub(crate) fn new<P>(
        context: &Context,
        kernels: Arc<CurveKernels>,
        points: &Points<Affine<P>>,
        first: u32,
        options: TableOptions,
    ) -> Result<Option<Self>, GpuError>
    where
        P: SWCurveConfig<BaseField: Coordinate>,
    {
        let words = points.words().chunks_exact(Points::<Affine<P>>::WORDS);
        // The point at infinity is all zeros.
        let (positions, points): (Vec<_>, Vec<_>) =
            (first..).zip(words).filter(|(_, words)| words.iter().any(|word| *word != 0)).unzip();
        if points.is_empty() {
            return Ok(None);
        }
        let bases = u32::try_from(points.len()).map_err(|_| GpuError::TooLarge {
            what: "bases",
            needed: points.len() as u64 * kernels.affine_bytes(),
            allowed: context.table_bytes_max(),
        })?;
        let plan = plan::<P>(context, &kernels, bases, options)?;
        let table = Table::new(context, &kernels, &plan)?;
        let accumulate = kernels.accumulate(context, table.chunks.len() as u32)?;
        let positions = context.upload("positions", (positions.len(), 4), |i, bytes| {
            bytes.copy_from_slice(&positions[i].to_le_bytes());
        })?;
        let bytes = table.bytes() + positions.size();
        let bases = Self { plan, kernels, accumulate, positions, table, bytes };
        bases.import(context, &points)?;
        for row in 1..plan.rows {
            bases.multiply(context, row)?;
        }
        Ok(Some(bases))
    }

    /// Memory that they take on the device.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Multiplications of limbs in the additions into buckets, for random scalars.
    pub(crate) fn word_products(&self) -> u64 {
        self.plan.entries_max() * self.kernels.addition_products()
    }

    /// The buffers of the table.
    pub(super) fn chunks(&self) -> &[Buffer] {
        &self.table.chunks
    }

    /// Fills the first row with points whose words these are.
    fn import(&self, context: &Context, points: &[&[u64]]) -> Result<(), GpuError> {
        let residues = 2 * self.kernels.degree.residues() as u32;
        let point_bytes = self.kernels.affine_bytes() as usize;
        for piece in self.table.pieces(0..self.plan.bases) {
            let range = piece.start as usize..piece.end as usize;
            let batch = &points[range];
            let raw = context.upload("raw points", (batch.len(), point_bytes), |i, bytes| {
                for (word, bytes) in batch[i].iter().zip(bytes.as_chunks_mut().0) {
                    *bytes = word.to_le_bytes();
                }
            })?;
            let (target, to) = self.table.place(piece.start);
            let mut recorder = Recorder::new(context);
            recorder.threads(
                &self.kernels.import,
                &[raw.binding(), target.as_entire_buffer_binding()],
                (batch.len() as u32 * residues, THREADS_MAX),
                &[to * residues],
            );
            recorder.submit()?.wait()?;
        }
        Ok(())
    }

    /// Fills a row from the one before it.
    fn multiply(&self, context: &Context, row: u32) -> Result<(), GpuError> {
        let (kernels, bases) = (&self.kernels, self.plan.bases);
        let doublings = self.plan.window_bits * self.plan.sets;
        for part in self.table.pieces((row - 1) * bases..row * bases) {
            for piece in self.table.pieces(part.start + bases..part.end + bases) {
                let count = piece.end - piece.start;
                let (source, from) = self.table.place(piece.start - bases);
                let (target, to) = self.table.place(piece.start);
                let size = u64::from(count) * kernels.xyzz_bytes();
                let multiples = context.pool.take("multiples", size)?;
                let mut recorder = Recorder::new(context);
                recorder.threads(
                    &kernels.multiply,
                    &[source.as_entire_buffer_binding(), multiples.binding()],
                    (count, BATCH_POINTS),
                    &[from, doublings],
                );
                recorder.threads(
                    &kernels.normalize,
                    &[multiples.binding(), target.as_entire_buffer_binding()],
                    (count.div_ceil(INVERSION_POINTS), BATCH_POINTS),
                    &[INVERSION_POINTS, count, to],
                );
                recorder.submit()?.wait()?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Bases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bases")
            .field("plan", &self.plan)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

fn plan<P: SWCurveConfig>(
    context: &Context,
    kernels: &CurveKernels,
    bases: u32,
    options: TableOptions,
) -> Result<Plan, GpuError> {
    let shape = Shape {
        bases,
        scalar_bits: P::ScalarField::MODULUS_BIT_SIZE,
        affine_bytes: kernels.affine_bytes(),
        xyzz_bytes: kernels.xyzz_bytes(),
    };
    let limits = Limits {
        table_bytes_max: options.bytes_max,
        binding_bytes_max: context.binding_bytes_max(),
        window_bits: options.window_bits,
    };
    Plan::new(shape, &limits)
}

impl Table {
    fn new(context: &Context, kernels: &CurveKernels, plan: &Plan) -> Result<Self, GpuError> {
        let shift = kernels.chunk_shift(context);
        let points = u64::from(plan.bases) * u64::from(plan.rows);
        let chunk = |first: u64| {
            let points = (points - first).min(1 << shift);
            context.pool.create("table", points * kernels.affine_bytes())
        };
        let chunks = (0..points).step_by(1 << shift).map(chunk).collect::<Result<_, _>>()?;
        Ok(Self { chunks, shift })
    }

    fn bytes(&self) -> u64 {
        self.chunks.iter().map(Buffer::size).sum()
    }

    /// The buffer with the point at `index`, and its place there.
    fn place(&self, index: u32) -> (&Buffer, u32) {
        (&self.chunks[(index >> self.shift) as usize], index & ((1 << self.shift) - 1))
    }

    /// A range of points, cut where a buffer ends and into batches.
    fn pieces(&self, range: Range<u32>) -> impl Iterator<Item = Range<u32>> + use<> {
        let shift = self.shift;
        let end = range.end;
        let next = move |start: u32| {
            let chunk_end = u64::from((start >> shift) + 1) << shift;
            let stop = u64::from(end).min(chunk_end).min(u64::from(start + BATCH_POINTS));
            // Not above `end`.
            (start < end).then_some(start..stop as u32)
        };
        std::iter::successors(next(range.start), move |piece| next(piece.end))
    }
}
