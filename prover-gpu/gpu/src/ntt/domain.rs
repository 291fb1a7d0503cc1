//! Domains whose tables are on the device.

use std::fmt;
use std::sync::Arc;

use ark_ff::{Field, PrimeField};
use rayon::prelude::*;
use wgpu::Buffer;
use zkpool_circuit_files::FileField;
use zkpool_snark::engine::{DomainParameters, Resident};

use super::kernels::Kernels;
use crate::context::Context;
use crate::error::GpuError;
use crate::recorder::Recorder;

/// Powers that one thread computes at a time.
const PARALLEL_POWERS: usize = 1 << 10;

/// A domain with its tables, on the device.
pub struct GpuDomain<F> {
    pub(super) parameters: DomainParameters<F>,
    pub(super) kernels: Arc<Kernels>,
    /// In Montgomery form and for n elements, one after the other:
    /// * n: for each level from the lowest, the powers of the root of 2^level butterflies, in
    ///   natural order; that of level l begins at 2^l,
    /// * n / 2: powers of the inverse of the root, in bit-reversed order,
    /// * n: powers of the shift over n, in bit-reversed order.
    pub(super) table: Buffer,
}

impl<F: FileField> GpuDomain<F> {
    pub(crate) fn new(
        context: &Context,
        kernels: Arc<Kernels>,
        parameters: &DomainParameters<F>,
    ) -> Result<Self, GpuError> {
        let size = 2_u64.saturating_pow(parameters.log2);
        let bytes = size.saturating_mul(5).div_ceil(2).saturating_mul(F::BYTES as u64);
        let table = context.pool.create("a domain", bytes)?;
        let domain = Self { parameters: *parameters, kernels, table };
        domain.fill(context)?;
        Ok(domain)
    }

    /// Number of elements of the domain.
    #[must_use]
    pub const fn size(&self) -> usize {
        1 << self.parameters.log2
    }

    /// Multiplications of 32-bit words that one transform needs at least: those by the twiddles
    /// of all levels but the one where they are 1.
    #[must_use]
    pub fn word_products(&self) -> u64 {
        let levels = u64::from(self.parameters.log2.saturating_sub(1));
        (self.size() as u64 / 2) * levels * self.kernels.layout.products(1)
    }

    /// Refuses what has not one value for each element of the domain.
    pub(super) const fn check_length(&self, values: &[F]) -> Result<(), GpuError> {
        let (expected, found) = (self.size(), values.len());
        if expected == found { Ok(()) } else { Err(GpuError::Length { expected, found }) }
    }

    fn fill(&self, context: &Context) -> Result<(), GpuError> {
        let DomainParameters { log2, root, shift } = self.parameters;
        let (one, size) = (self.one(), self.size());
        let squares = squares(root, log2.saturating_sub(1));
        let roots = powers(one, squares.iter());
        self.write(context, 0, size, |i| level_root(&roots, i))?;
        let squares: Vec<F> = squares.iter().map(|square| inverse(*square)).collect();
        let roots = powers(one, squares.iter().rev());
        self.write(context, size, size / 2, |i| roots.get(i).copied())?;
        let first = one * inverse(F::from(size as u64));
        let shifts = powers(first, self::squares(shift, log2).iter().rev());
        self.write(context, size + size / 2, size, |i| shifts.get(i).copied())?;
        // Without commands: the device takes over what was written and the host's copy is freed.
        Recorder::new(context).submit()?;
        Ok(())
    }

    fn write(
        &self,
        context: &Context,
        first: usize,
        count: usize,
        value: impl Fn(usize) -> Option<F> + Sync,
    ) -> Result<(), GpuError> {
        let offset = (first * F::BYTES) as u64;
        context.write(&self.table, offset, (count, F::BYTES), |i, bytes| {
            if let Some(value) = value(i) {
                value.write_montgomery(bytes);
            }
        })
    }

    /// What is the device's Montgomery form of 1 where arkworks' form is written.
    pub(super) fn one(&self) -> F {
        let layout = &self.kernels.layout;
        F::from(layout.power_of_two(layout.radix_bits())).over_r()
    }
}

/// Element `i` of the table of levels, from the powers of the root of the highest level.
fn level_root<F: Copy>(roots: &[F], i: usize) -> Option<F> {
    let level = i.checked_ilog2()?;
    let of_level = i - (1 << level);
    roots.get(of_level * (roots.len() >> level)).copied()
}

/// 1 / `element`, which no root of unity, power of two, or shift lacks.
pub(super) fn inverse<F: Field>(element: F) -> F {
    element.inverse().unwrap_or(F::ZERO)
}

/// `base`^(2^i) for i below `count`.
pub(super) fn squares<F: Field>(base: F, count: u32) -> Vec<F> {
    std::iter::successors(Some(base), |square| Some(square.square())).take(count as usize).collect()
}

/// `first` times the products of all subsets of `factors`: bit i of the index tells whether
/// factor i takes part. With the squares of a base these are its powers in natural order, and
/// with the same from the last to the first, in bit-reversed order.
fn powers<'a, F: PrimeField>(first: F, factors: impl Iterator<Item = &'a F>) -> Vec<F> {
    let mut powers = vec![first];
    for factor in factors {
        let upper: Vec<F> =
            powers.par_iter().with_min_len(PARALLEL_POWERS).map(|power| *power * factor).collect();
        powers.extend(upper);
    }
    powers
}

impl<F: PrimeField> Resident for GpuDomain<F> {
    fn bytes(&self) -> u64 {
        self.table.size()
    }
}

impl<F: fmt::Debug> fmt::Debug for GpuDomain<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GpuDomain").field(&self.parameters).finish()
    }
}
