//! Scalars on their way to the device.

use ark_ff::PrimeField;
use zkpool_circuit_files::FileField;

use crate::codegen::{Binding, Degree, FieldCode, Kind, Layout};
use crate::context::Context;
use crate::error::GpuError;
use crate::pool::Scratch;
use crate::recorder::{Recorder, THREADS_MAX};
use crate::shader::{Form, Pipeline, Shader};

/// Invocations in a workgroup.
const WORKGROUP: u32 = 64;

/// From arkworks' Montgomery form to integers.
pub(crate) fn decode_shader(layout: Layout) -> Shader {
    let mut field = FieldCode::new(layout);
    let layout = field.layout();
    // x 2^(32 words) times this over R is x.
    let radix = layout.radix_bits() - 32 * layout.words;
    let factor = layout.power_of_two(radix);
    let (multiply, factor, reduce) =
        (field.multiply(1), field.constant("plain", &factor), field.reduce(1));
    let bindings =
        vec![Binding::read("raw", Kind::Residues), Binding::write("plain", Kind::Residues)];
    let accessors: String = bindings.iter().map(|b| b.accessors(&mut field, Degree::One)).collect();
    let run = format!(
        "fn run(t: u32) {{ store_plain(t, {reduce}({multiply}(load_raw(t), {factor}()))); }}\n"
    );
    let code = format!("{}{accessors}{run}", field.source());
    Shader {
        label: "decode",
        form: Form::Threads,
        workgroup: WORKGROUP,
        bindings,
        parameters: &[],
        code,
    }
}

/// Uploads scalars as they are in memory and turns them into integers there.
pub(crate) fn upload<F: FileField>(
    context: &Context,
    decode: &Pipeline,
    values: &[F],
) -> Result<Scratch, GpuError> {
    let raw = upload_raw(context, "raw scalars", values)?;
    let plain = context.pool.take("scalars", raw.size())?;
    let mut recorder = Recorder::new(context);
    let threads = (values.len() as u32, THREADS_MAX);
    recorder.threads(decode, &[raw.binding(), plain.binding()], threads, &[]);
    recorder.clear(&raw);
    recorder.submit()?;
    Ok(plain)
}

/// Uploads field elements in arkworks' Montgomery form.
pub(crate) fn upload_raw<F: FileField>(
    context: &Context,
    what: &'static str,
    values: &[F],
) -> Result<Scratch, GpuError> {
    let scratch = context.pool.take(what, (values.len() * F::BYTES) as u64)?;
    write_raw(context, &scratch, 0, values)?;
    Ok(scratch)
}

/// Writes field elements in arkworks' Montgomery form, from a byte on.
pub(crate) fn write_raw<F: FileField>(
    context: &Context,
    scratch: &Scratch,
    offset: u64,
    values: &[F],
) -> Result<(), GpuError> {
    context.write(scratch.buffer(), offset, (values.len(), F::BYTES), |i, bytes| {
        if let Some(value) = values.get(i) {
            value.write_montgomery(bytes);
        }
    })
}

/// The layout of a scalar field on this device.
pub(crate) fn layout<F: PrimeField>(context: &Context) -> Layout {
    Layout::new(F::MODULUS.into(), context.arithmetic().column())
}
