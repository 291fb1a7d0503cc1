//! Compute shaders: what they are made of, and how they become pipelines.

use std::fmt::Write;

use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType,
    BufferBindingType, ComputePipeline, ComputePipelineDescriptor, Device,
    PipelineCompilationOptions, PipelineLayoutDescriptor, ShaderModuleDescriptor,
    ShaderRuntimeChecks, ShaderSource, ShaderStages,
};

use crate::codegen::Binding;

/// Bytes of parameters that a dispatch passes to its shader at most. Every adapter allows 128.
pub(crate) const PARAMETER_BYTES_MAX: u32 = 64;

/// How the invocations of a shader share its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// Each does a thing of its own, in `fn run(t: u32)`, for t below the number of threads.
    Threads,
    /// Those of a workgroup work together, in `fn run(group: u32, local: u32)`.
    Groups,
}

/// A compute shader.
#[derive(Debug)]
pub(crate) struct Shader {
    /// The stage it is counted under where stages are timed.
    pub(crate) label: &'static str,
    pub(crate) form: Form,
    /// Invocations in a workgroup.
    pub(crate) workgroup: u32,
    pub(crate) bindings: Vec<Binding>,
    /// Names of its parameters, 32-bit words each.
    pub(crate) parameters: &'static [&'static str],
    /// Types, functions and `run`.
    pub(crate) code: String,
}

/// A shader, compiled.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) label: &'static str,
    pub(crate) form: Form,
    pub(crate) workgroup: u32,
    pub(crate) layout: BindGroupLayout,
    pub(crate) pipeline: ComputePipeline,
}

impl Shader {
    /// The whole module in WGSL.
    pub(crate) fn source(&self) -> String {
        let mut s = String::new();
        let mut index = 0;
        for binding in &self.bindings {
            s.push_str(&binding.declarations(index));
            index += binding.buffers();
        }
        let range = match self.form {
            Form::Threads => ["first", "threads"],
            Form::Groups => ["first", "groups"],
        };
        let fields = range.iter().chain(self.parameters).map(|name| format!("{name}: u32"));
        let fields = fields.collect::<Vec<_>>().join(", ");
        let workgroup = self.workgroup;
        let _ = write!(
            s,
            "struct Parameters {{ {fields} }}
var<immediate> parameters: Parameters;
const WORKGROUP = {workgroup}u;
{}
@compute @workgroup_size({workgroup})
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {{
  let group = id.y * count.x + id.x;
{}}}
",
            self.code,
            match self.form {
                Form::Groups =>
                    "  if (group < parameters.groups) { run(parameters.first + group, local); }\n",
                Form::Threads =>
                    "  let t = group * WORKGROUP + local;
  if (t < parameters.threads) { run(parameters.first + t); }
",
            }
        );
        s
    }

    fn entries(&self) -> Vec<BindGroupLayoutEntry> {
        let buffers = self.bindings.iter().flat_map(|b| (0..b.buffers()).map(|_| !b.writable));
        let entry = |(binding, read_only)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer {
                ty: BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        (0..).zip(buffers).map(entry).collect()
    }

    /// Compiles it. Errors are reported to the device.
    pub(crate) fn compile(
        &self,
        device: &Device,
        cache: Option<&wgpu::PipelineCache>,
        checks: ShaderRuntimeChecks,
    ) -> Pipeline {
        let label = Some(self.label);
        let source = self.source();
        let module = module(device, label, &source, checks);
        let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
            label,
            entries: &self.entries(),
        });
        let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: PARAMETER_BYTES_MAX,
        });
        let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache,
        });
        let Self { label, form, workgroup, .. } = *self;
        Pipeline { label, form, workgroup, layout, pipeline }
    }
}

#[allow(unsafe_code)]
fn module(
    device: &Device,
    label: Option<&str>,
    source: &str,
    checks: ShaderRuntimeChecks,
) -> wgpu::ShaderModule {
    let source = ShaderSource::Wgsl(source.into());
    let descriptor = ShaderModuleDescriptor { label, source };
    // SAFETY: shaders are generated here and never from input. Every index they compute is below
    // the length that the dispatch passes with the buffer, every loop counts to a bound, and none
    // divides by a variable; the tests run each of them with all checks on, too.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}
