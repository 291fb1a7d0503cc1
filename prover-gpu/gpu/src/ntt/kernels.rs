//! The shaders of transforms.

use crate::codegen::{Binding, Degree, FieldCode, Kind, Layout, Linear};
use crate::context::Context;
use crate::error::GpuError;
use crate::shader::{Form, Pipeline, Shader};

/// log2 of the elements of a block at most. Values grow by 2 p in each stage of a pass, and ten
/// stages keep them below R, the least that a layout has room for being 64 p.
const BLOCK_LOG2_MAX: u32 = 9;

/// Multiples of p below which elements are in memory.
const STORED_BOUND: u32 = 2;

/// Multiples of p that a stage adds to a value at most: the product of a value and a twiddle is
/// below 2 p.
const STAGE_GROWTH: u32 = 2;

/// Invocations in a workgroup that reorders.
const REORDER_WORKGROUP: u32 = 64;

/// The shaders of a field.
#[derive(Debug)]
pub(crate) struct Kernels {
    pub(super) layout: Layout,
    /// log2 of the elements of a block.
    pub(super) block_log2: u32,
    pub(super) transform: Pipeline,
    pub(super) reorder: Pipeline,
}

impl Kernels {
    pub(crate) fn new(context: &Context, layout: Layout) -> Result<Self, GpuError> {
        if layout.capacity() <= f64::from(STORED_BOUND) {
            return Err(GpuError::Unsupported("room for residues of this field"));
        }
        let block_log2 = block_log2(context.workgroup_bytes_max(), &layout)?;
        let shaders = [transform(layout.clone(), block_log2), reorder(layout.clone())];
        let pipelines = context.compile(&shaders)?.try_into();
        let [transform, reorder] =
            pipelines.map_err(|_| GpuError::Refused("a shader is missing".into()))?;
        Ok(Self { layout, block_log2, transform, reorder })
    }
}

/// log2 of the elements that a workgroup has room for. A butterfly needs two.
fn block_log2(workgroup_bytes_max: u32, layout: &Layout) -> Result<u32, GpuError> {
    let elements = workgroup_bytes_max / (4 * layout.limbs as u32);
    match elements.checked_ilog2() {
        Some(log2 @ 1..) => Ok(log2.min(BLOCK_LOG2_MAX)),
        _ => Err(GpuError::Unsupported("memory for workgroups")),
    }
}

fn accessors(field: &mut FieldCode, bindings: &[Binding]) -> String {
    bindings.iter().map(|binding| binding.accessors(field, Degree::One)).collect()
}

fn transform(layout: Layout, block_log2: u32) -> Shader {
    let mut field = FieldCode::new(layout);
    let bindings = vec![
        Binding::write("values", Kind::Residues),
        Binding::read("table", Kind::Residues),
        Binding::write("plain", Kind::Residues),
    ];
    let accessors = accessors(&mut field, &bindings);
    let arithmetic = arithmetic(&mut field, STORED_BOUND + STAGE_GROWTH * block_log2);
    let block = block(field.layout(), block_log2);
    let body = include_str!("kernels/transform.wgsl");
    Shader {
        label: "transform",
        form: Form::Groups,
        workgroup: 1 << (block_log2 - 1),
        bindings,
        parameters: &[
            "log2", "stride", "rows", "columns", "begin", "end", "parts", "start", "flags",
        ],
        code: format!("{}{accessors}{arithmetic}{block}{body}", field.source()),
    }
}

/// What butterflies compute with, for values of at most `bound` p.
fn arithmetic(field: &mut FieldCode, bound: u32) -> String {
    let layout = field.layout();
    // Values at twice arkworks' scale in memory, 2^(32 words), over R from their multiplication.
    let plain = layout.power_of_two(2 * (layout.radix_bits() - 32 * layout.words));
    field.constant("plain", &plain);
    field.multiply(1);
    field.reduce(1);
    let add = field.linear(&Linear { coefficients: &[1, 1], lift: 0 });
    let subtract = field.linear(&Linear { coefficients: &[1, -1], lift: STAGE_GROWTH });
    let fit = field.remainder(bound);
    format!(
        "fn add(x: Fp, y: Fp) -> Fp {{ return {add}(x, y); }}
fn subtract(x: Fp, y: Fp) -> Fp {{ return {subtract}(x, y); }}
fn fit(x: Fp) -> Fp {{ return {fit}(x); }}
"
    )
}

/// The memory of a workgroup: first the lowest limbs of all elements, so that neighbours access
/// neighbouring words.
fn block(layout: &Layout, block_log2: u32) -> String {
    let (limbs, elements) = (layout.limbs, 1_usize << block_log2);
    let place = |i: usize| format!("block[j + {}u]", i * elements);
    let taken: Vec<_> = (0..limbs).map(place).collect();
    let put: String = (0..limbs).map(|i| format!("{} = x.v{i};\n", place(i))).collect();
    format!(
        "var<workgroup> block: array<u32, {}>;
fn take(j: u32) -> Fp {{ return Fp({}); }}
fn put(j: u32, x: Fp) {{\n{put}}}\n",
        limbs * elements,
        taken.join(", ")
    )
}

fn reorder(layout: Layout) -> Shader {
    let mut field = FieldCode::new(layout);
    let bindings = vec![
        Binding::read("source", Kind::Residues),
        Binding::read("factors", Kind::Residues),
        Binding::write("reordered", Kind::Residues),
    ];
    let accessors = accessors(&mut field, &bindings);
    field.multiply(1);
    field.reduce(1);
    let body = include_str!("kernels/reorder.wgsl");
    Shader {
        label: "reorder",
        form: Form::Threads,
        workgroup: REORDER_WORKGROUP,
        bindings,
        parameters: &["log2", "is_source_natural", "factors"],
        code: format!("{}{accessors}{body}", field.source()),
    }
}
