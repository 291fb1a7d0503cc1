//! The commands of transforms.

use wgpu::BufferBinding;
use zkpool_circuit_files::FileField;
use zkpool_snark::engine::DomainParameters;

use super::domain::{GpuDomain, inverse, squares};
use super::plan::{self, Direction, Pass};
use crate::context::Context;
use crate::error::GpuError;
use crate::pool::Scratch;
use crate::recorder::{Recorder, THREADS_MAX};
use crate::scalars;

/// A transform of values on a domain or coset. All are in natural order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transform {
    /// From the coefficients of a polynomial to its values on the domain.
    Forward,
    /// From the values of a polynomial on the domain to its coefficients.
    Inverse,
    /// From the coefficients of a polynomial to its values on the coset.
    CosetForward,
    /// From the values of a polynomial on the coset to its coefficients.
    CosetInverse,
}

/// Uploads the values of A and B on the domain, with room for those of C.
pub(crate) fn upload<F: FileField>(
    context: &Context,
    domain: &GpuDomain<F>,
    a: &[F],
    b: &[F],
) -> Result<Scratch, GpuError> {
    domain.check_length(a)?;
    domain.check_length(b)?;
    let bytes = (domain.size() * F::BYTES) as u64;
    let values = context.pool.take("values", 3 * bytes)?;
    scalars::write_raw(context, &values, 0, a)?;
    scalars::write_raw(context, &values, bytes, b)?;
    Ok(values)
}

/// The values of A B - C on the coset as integers, from those of A and B, which it overwrites.
pub(crate) fn quotient<F: FileField>(
    context: &Context,
    domain: &GpuDomain<F>,
    values: &Scratch,
) -> Result<Scratch, GpuError> {
    let plain = context.pool.take("scalars", (domain.size() * F::BYTES) as u64)?;
    let mut recorder = Recorder::new(context);
    let passes = plan::quotient(domain.parameters.log2, domain.kernels.block_log2);
    run(&mut recorder, domain, &passes, [values, &plain]);
    recorder.submit()?.wait_if_timed()?;
    Ok(plain)
}

/// Transforms values on the device, and waits for them.
pub(crate) fn transform<F: FileField>(
    context: &Context,
    domain: &GpuDomain<F>,
    values: &[F],
    transform: Transform,
) -> Result<Vec<F>, GpuError> {
    domain.check_length(values)?;
    let factors = factors(domain, transform);
    let count = factors.len() as u32;
    let factors = scalars::upload_raw(context, "factors", &factors)?;
    let bytes = (domain.size() * F::BYTES) as u64;
    let reordered = context.pool.take("reordered", bytes)?;
    let values = scalars::upload_raw(context, "values", values)?;
    let mut recorder = Recorder::new(context);
    let DomainParameters { log2, .. } = domain.parameters;
    let reorder = |recorder: &mut Recorder<'_>, is_source_natural: bool| {
        let buffers = [&values, &factors, &reordered].map(Scratch::binding);
        let threads = (1 << log2, THREADS_MAX);
        let parameters = [log2, u32::from(is_source_natural), count];
        recorder.threads(&domain.kernels.reorder, &buffers, threads, &parameters);
    };
    let passes = |direction| plan::transform(log2, domain.kernels.block_log2, direction);
    match transform {
        Transform::Forward | Transform::CosetForward => {
            reorder(&mut recorder, true);
            run(&mut recorder, domain, &passes(Direction::Evaluate), [&reordered, &values]);
        }
        Transform::Inverse | Transform::CosetInverse => {
            run(&mut recorder, domain, &passes(Direction::Interpolate), [&values, &reordered]);
            reorder(&mut recorder, false);
        }
    }
    let readback = recorder.read(&[&reordered])?;
    recorder.clear(&values);
    recorder.clear(&reordered);
    recorder.submit()?.wait()?;
    elements(&readback.words(context)?, domain.size())
}

/// What coefficients are multiplied by: the first of these, and the others by the bits of their
/// index.
fn factors<F: FileField>(domain: &GpuDomain<F>, transform: Transform) -> Vec<F> {
    let DomainParameters { log2, shift, .. } = domain.parameters;
    let size_inverse = inverse(F::from(domain.size() as u64));
    let (first, shift) = match transform {
        Transform::Forward => return Vec::new(),
        Transform::Inverse => (size_inverse, None),
        Transform::CosetForward => (F::ONE, Some(shift)),
        Transform::CosetInverse => (size_inverse, Some(inverse(shift))),
    };
    let powers = shift.into_iter().flat_map(|shift| squares(shift, log2));
    std::iter::once(first).chain(powers).map(|factor| factor * domain.one()).collect()
}

/// Records passes over `values`; `plain` is where a quotient is left.
fn run<F>(
    recorder: &mut Recorder<'_>,
    domain: &GpuDomain<F>,
    passes: &[Pass],
    [values, plain]: [&Scratch; 2],
) {
    let table: BufferBinding<'_> = domain.table.as_entire_buffer_binding();
    let buffers = [values.binding(), table, plain.binding()];
    for pass in passes {
        let parameters = pass.parameters();
        recorder.groups(&domain.kernels.transform, &buffers, pass.groups(), &parameters);
    }
}

/// Elements from words in arkworks' Montgomery form.
fn elements<F: FileField>(words: &[u32], count: usize) -> Result<Vec<F>, GpuError> {
    let element = |words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        F::from_montgomery(&bytes).ok_or(GpuError::SelfCheck("a residue is not below its modulus"))
    };
    words.chunks_exact(F::BYTES / 4).take(count).map(element).collect()
}
