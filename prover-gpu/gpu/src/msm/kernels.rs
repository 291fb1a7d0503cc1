//! The shaders of multi-scalar multiplication.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use num_bigint::BigUint;

use crate::codegen::{Binding, Column, CurveCode, Degree, Kind, Layout};
use crate::context::Context;
use crate::error::GpuError;
use crate::shader::{Form, Pipeline, Shader};

/// Invocations in a workgroup that sorts.
const SORT_WORKGROUP: u32 = 256;

/// Invocations in a workgroup that adds points, each of which takes many registers.
const POINT_WORKGROUP: u32 = 64;

/// Counters that one workgroup of a scan takes.
pub(super) const SCAN_BLOCK: u32 = 4 * SORT_WORKGROUP;

/// A curve as shaders know it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct CurveSpec {
    pub(crate) modulus: BigUint,
    pub(crate) degree: Degree,
}

/// The shaders that sort entries, for every curve.
#[derive(Debug)]
pub(crate) struct SortKernels {
    pub(super) count: Pipeline,
    pub(super) scan_blocks: Pipeline,
    pub(super) scan_totals: Pipeline,
    pub(super) scan_add: Pipeline,
    pub(super) scatter: Pipeline,
}

/// The shaders of a curve.
#[derive(Debug)]
pub(crate) struct CurveKernels {
    pub(super) layout: Layout,
    pub(super) degree: Degree,
    pub(super) combine: Pipeline,
    pub(super) reduce: Pipeline,
    pub(super) sum: Pipeline,
    pub(super) import: Pipeline,
    pub(super) multiply: Pipeline,
    pub(super) normalize: Pipeline,
    /// By the number of buffers that the table takes.
    accumulate: Mutex<HashMap<u32, Arc<Pipeline>>>,
}

/// Takes the pipelines of shaders that were compiled together.
fn all<const N: usize>(
    context: &Context,
    shaders: &[Shader; N],
) -> Result<[Pipeline; N], GpuError> {
    let pipelines = context.compile(shaders)?;
    pipelines.try_into().map_err(|_| GpuError::Refused("a shader is missing".into()))
}

impl SortKernels {
    pub(crate) fn new(context: &Context) -> Result<Self, GpuError> {
        let shaders = [count(), scan_blocks(), scan_totals(), scan_add(), scatter()];
        let [count, scan_blocks, scan_totals, scan_add, scatter] = all(context, &shaders)?;
        Ok(Self { count, scan_blocks, scan_totals, scan_add, scatter })
    }
}

/// Entries of `digits.wgsl`, which visits each digit that is not zero.
fn digits(label: &'static str, bindings: &[Binding], visit: &str) -> Shader {
    let scalars = [Binding::read("scalars", Kind::Words), Binding::read("positions", Kind::Words)];
    Shader {
        label,
        form: Form::Threads,
        workgroup: SORT_WORKGROUP,
        bindings: [&scalars, bindings].concat(),
        parameters: &["bases", "scalars", "bits", "rows", "sets"],
        code: format!("{}{visit}", include_str!("kernels/digits.wgsl")),
    }
}

fn count() -> Shader {
    let bindings = [Binding::write("counters", Kind::Atomics)];
    digits("count", &bindings, include_str!("kernels/count.wgsl"))
}

fn scatter() -> Shader {
    let bindings =
        [Binding::write("counters", Kind::Atomics), Binding::write("entries", Kind::Pairs)];
    digits("scatter", &bindings, include_str!("kernels/scatter.wgsl"))
}

fn scan(
    form: Form,
    bindings: Vec<Binding>,
    parameters: &'static [&'static str],
    code: &str,
) -> Shader {
    Shader {
        label: "scan",
        form,
        workgroup: SORT_WORKGROUP,
        bindings,
        parameters,
        code: code.into(),
    }
}

fn scan_blocks() -> Shader {
    let bindings =
        vec![Binding::write("counters", Kind::Words), Binding::write("blocks", Kind::Words)];
    scan(Form::Groups, bindings, &["count"], include_str!("kernels/scan_blocks.wgsl"))
}

fn scan_totals() -> Shader {
    let bindings =
        vec![Binding::write("blocks", Kind::Words), Binding::write("total", Kind::Words)];
    scan(Form::Groups, bindings, &["count"], include_str!("kernels/scan_totals.wgsl"))
}

fn scan_add() -> Shader {
    let bindings =
        vec![Binding::write("counters", Kind::Words), Binding::read("blocks", Kind::Words)];
    scan(Form::Threads, bindings, &[], include_str!("kernels/scan_add.wgsl"))
}

impl CurveKernels {
    pub(crate) fn new(context: &Context, spec: &CurveSpec) -> Result<Self, GpuError> {
        let column = context.arithmetic().column();
        let curve = || curve(spec, column);
        let shaders = [
            combine(curve()),
            reduce(curve()),
            sum(curve()),
            import(curve()),
            multiply(curve()),
            normalize(curve()),
            accumulate(curve(), 1, context),
        ];
        let [combine, reduce, sum, import, multiply, normalize, accumulate] =
            all(context, &shaders)?;
        let accumulate = Mutex::new(HashMap::from([(1, Arc::new(accumulate))]));
        let (layout, degree) = (Layout::new(spec.modulus.clone(), column), spec.degree);
        Ok(Self { layout, degree, combine, reduce, sum, import, multiply, normalize, accumulate })
    }

    /// The shader for tables of so many buffers.
    pub(super) fn accumulate(
        &self,
        context: &Context,
        chunks: u32,
    ) -> Result<Arc<Pipeline>, GpuError> {
        let mut known = self.accumulate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = known.get(&chunks) {
            return Ok(Arc::clone(pipeline));
        }
        let spec = CurveSpec { modulus: self.layout.modulus.clone(), degree: self.degree };
        let shader = accumulate(curve(&spec, self.layout.column), chunks, context);
        let [pipeline] = all(context, &[shader])?;
        let pipeline = Arc::new(pipeline);
        known.insert(chunks, Arc::clone(&pipeline));
        Ok(pipeline)
    }

    /// Multiplications of limbs that the addition of an affine point takes.
    pub(super) const fn addition_products(&self) -> u64 {
        let one = self.layout.products(1);
        match self.degree {
            // Six products, two squares and the sum of two products.
            Degree::One => 6 * one + 2 * self.layout.square_products() + self.layout.products(2),
            // A complex product is two sums of two products, and a square two products.
            Degree::Two => 12 * self.layout.products(2) + 4 * one + 2 * self.layout.products(4),
        }
    }

    /// Bytes of an affine point on the device.
    pub(super) const fn affine_bytes(&self) -> u64 {
        (2 * self.degree.residues() * self.layout.words * 4) as u64
    }

    /// Bytes of a point in XYZZ coordinates on the device.
    pub(super) const fn xyzz_bytes(&self) -> u64 {
        2 * self.affine_bytes()
    }

    /// log2 of the points in a buffer of a table: the largest power of two that a binding holds.
    pub(super) fn chunk_shift(&self, context: &Context) -> u32 {
        chunk_shift(context, self.affine_bytes())
    }
}

fn chunk_shift(context: &Context, affine_bytes: u64) -> u32 {
    (context.binding_bytes_max() / affine_bytes).ilog2()
}

fn curve(spec: &CurveSpec, column: Column) -> CurveCode {
    CurveCode::new(Layout::new(spec.modulus.clone(), column), spec.degree)
}

/// A shader over points, of the functions in `functions` and the text in `parts`.
fn over_points(
    label: &'static str,
    mut curve: CurveCode,
    bindings: Vec<Binding>,
    parameters: &'static [&'static str],
    functions: &str,
    parts: &[&str],
) -> Shader {
    let degree = curve.degree();
    let accessors: String =
        bindings.iter().map(|binding| binding.accessors(curve.field(), degree)).collect();
    let code = format!("{}{accessors}{}", curve.source(functions), parts.concat());
    Shader { label, form: Form::Threads, workgroup: POINT_WORKGROUP, bindings, parameters, code }
}

/// Where segments leave buckets and partial sums.
const SEGMENT_RESULTS: [Binding; 3] = [
    Binding::write("buckets", Kind::Points),
    Binding::write("partials", Kind::Points),
    Binding::write("partial_keys", Kind::Words),
];

fn accumulate(mut curve: CurveCode, chunks: u32, context: &Context) -> Shader {
    let affine_bytes = (2 * curve.degree().residues() * curve.field().layout().words * 4) as u64;
    let shift = chunk_shift(context, affine_bytes);
    let mut bindings = vec![
        Binding::read("table", Kind::Affines { chunks, shift }),
        Binding::read("entries", Kind::Pairs),
        Binding::read("total", Kind::Words),
    ];
    bindings.extend(SEGMENT_RESULTS);
    let functions = [curve.negate_affine(), curve.lift_affine(), curve.add_affine()].concat();
    let parts = [include_str!("kernels/segments.wgsl"), include_str!("kernels/accumulate.wgsl")];
    over_points("accumulate", curve, bindings, &["segment"], &functions, &parts)
}

fn combine(mut curve: CurveCode) -> Shader {
    let mut bindings =
        vec![Binding::read("slots", Kind::Points), Binding::read("slot_keys", Kind::Words)];
    bindings.extend(SEGMENT_RESULTS);
    let functions = curve.add();
    let parts = [include_str!("kernels/segments.wgsl"), include_str!("kernels/combine.wgsl")];
    over_points("combine", curve, bindings, &["segment", "slots"], &functions, &parts)
}

fn reduce(mut curve: CurveCode) -> Shader {
    let bindings = vec![
        Binding::read("points", Kind::Points),
        Binding::write("sums", Kind::Points),
        Binding::write("weighted", Kind::Points),
    ];
    let functions = curve.add();
    let parts = [include_str!("kernels/reduce.wgsl")];
    over_points("reduce", curve, bindings, &["length", "offset"], &functions, &parts)
}

fn sum(mut curve: CurveCode) -> Shader {
    let bindings =
        vec![Binding::read("points", Kind::Points), Binding::write("sums", Kind::Points)];
    let functions = curve.add();
    over_points(
        "reduce",
        curve,
        bindings,
        &["length"],
        &functions,
        &[include_str!("kernels/sum.wgsl")],
    )
}

fn import(mut curve: CurveCode) -> Shader {
    let bindings =
        vec![Binding::read("raw", Kind::Residues), Binding::write("imported", Kind::Residues)];
    let field = curve.field();
    let layout = field.layout();
    // x 2^(32 words) times this over R is x R.
    let factor = layout.power_of_two(2 * layout.radix_bits() - 32 * layout.words);
    field.multiply(1);
    field.constant("import", &factor);
    over_points("import", curve, bindings, &["to"], "", &[include_str!("kernels/import.wgsl")])
}

fn multiply(mut curve: CurveCode) -> Shader {
    let bindings = vec![
        Binding::read("row", Kind::Affines { chunks: 1, shift: 0 }),
        Binding::write("multiples", Kind::Points),
    ];
    let functions = [curve.lift_affine(), curve.double()].concat();
    let parts = [include_str!("kernels/multiply.wgsl")];
    over_points("multiply", curve, bindings, &["start", "doublings"], &functions, &parts)
}

fn normalize(mut curve: CurveCode) -> Shader {
    let bindings = vec![
        Binding::read("multiples", Kind::Points),
        Binding::write("row", Kind::Affines { chunks: 1, shift: 0 }),
    ];
    let functions = [curve.multiply(), curve.invert(), curve.element_one()].concat();
    let parts = [include_str!("kernels/normalize.wgsl")];
    over_points("normalize", curve, bindings, &["length", "count", "to"], &functions, &parts)
}
