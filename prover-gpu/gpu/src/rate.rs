//! What the device's integer units can do, as the physical floor of all work here.

use std::time::{Duration, Instant};

use crate::codegen::{Binding, Column, FieldCode, Kind, Layout};
use crate::context::Context;
use crate::error::GpuError;
use crate::recorder::{Recorder, THREADS_MAX};
use crate::shader::{Form, Shader};

/// Chains of multiply-adds in a thread, so that none waits for the one before it.
const CHAINS: u32 = 8;

/// Multiply-adds of each chain in a round of the loop.
const UNROLLED: u32 = 16;

/// Threads: more than any device runs at once.
const THREADS: u32 = 1 << 18;

/// Invocations in a workgroup.
const WORKGROUP: u32 = 64;

/// A measurement shorter than this says more of the driver than of the device.
const MEASURED_MIN: Duration = Duration::from_millis(50);

/// Doublings of the work before a measurement is taken as it is.
const DOUBLINGS_MAX: u32 = 20;

/// Products in a round of a chain of field multiplications.
const MULTIPLICATIONS: u32 = 4;

/// Multiply-adds of limbs that the device does in a second, the result as wide as a column.
pub(crate) fn products_per_second(context: &Context) -> Result<f64, GpuError> {
    repeated(context, words(context.arithmetic().column()), CHAINS * UNROLLED)
}

/// Multiplications of residues that the device does in a second, each waiting for the one before.
pub(crate) fn multiplications_per_second(
    context: &Context,
    layout: Layout,
) -> Result<f64, GpuError> {
    repeated(context, residues(layout), MULTIPLICATIONS)
}

/// How often a second the device does what a thread does `per_round` times in each round.
fn repeated(context: &Context, shader: Shader, per_round: u32) -> Result<f64, GpuError> {
    let pipeline = context.compile(&[shader])?.pop();
    let pipeline = pipeline.ok_or_else(|| GpuError::Refused("a shader is missing".into()))?;
    let results = context.pool.take("rate", u64::from(THREADS) * 4)?;
    let run = |rounds: u32| {
        let mut recorder = Recorder::new(context);
        recorder.threads(&pipeline, &[results.binding()], (THREADS, THREADS_MAX), &[rounds]);
        let started = Instant::now();
        recorder.submit()?.wait()?;
        Ok::<_, GpuError>(started.elapsed())
    };
    // Some drivers compile at the first dispatch.
    run(1)?;
    let mut rounds = 1;
    for _ in 0..DOUBLINGS_MAX {
        let elapsed = run(rounds)?;
        if elapsed >= MEASURED_MIN {
            let done = f64::from(THREADS) * f64::from(per_round) * f64::from(rounds);
            return Ok(done / elapsed.as_secs_f64());
        }
        rounds *= 2;
    }
    Err(GpuError::SelfCheck("it takes no time to multiply"))
}

/// Chains of multiplications, each product a factor of the next.
fn residues(layout: Layout) -> Shader {
    let limbs: Vec<_> = (0..layout.limbs).map(|i| format!("r.v{i}")).collect();
    let (mask, limbs) = (layout.mask(), limbs.join(" ^ "));
    let mut field = FieldCode::new(layout);
    let (multiply, one) = (field.multiply(1), field.one());
    let steps = format!("r = {multiply}(r, x);\n").repeat(MULTIPLICATIONS as usize);
    let code = format!(
        "{}fn run(t: u32) {{
var x = {one}();
x.v0 = (x.v0 ^ t) & {mask}u;
var r = x;
for (var i = 0u; i < parameters.rounds; i++) {{
{steps}}}
results[t] = {limbs};
}}
",
        field.source()
    );
    measured(code)
}

/// Chains of multiply-adds of words.
fn words(column: Column) -> Shader {
    let column = column.wgsl();
    let chains = || 0..CHAINS;
    let start: String = chains()
        .map(|k| format!("var x{k} = t * {}u + 1u; var c{k} = {column}(x{k});\n", k + 3))
        .collect();
    // The next factor depends on the sum, so that no compiler can do without one of them.
    let step: String = chains()
        .map(|k| format!("c{k} = {column}(x{k}) * {column}(y) + c{k}; x{k} = u32(c{k});\n"))
        .collect();
    let total = chains().map(|k| format!("x{k}")).collect::<Vec<_>>().join(" ^ ");
    let steps = step.repeat(UNROLLED as usize);
    let code = format!(
        "fn run(t: u32) {{
let y = t | 1u;
{start}for (var i = 0u; i < parameters.rounds; i++) {{
{steps}}}
results[t] = {total};
}}
"
    );
    measured(code)
}

fn measured(code: String) -> Shader {
    Shader {
        label: "rate",
        form: Form::Threads,
        workgroup: WORKGROUP,
        bindings: vec![Binding::write("results", Kind::Words)],
        parameters: &["rounds"],
        code,
    }
}
