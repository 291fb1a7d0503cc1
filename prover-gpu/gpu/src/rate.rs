//! What the device's integer units can do, as the physical floor of all work here.

use std::time::{Duration, Instant};

use crate::codegen::{Binding, Column, Kind};
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

/// Multiply-adds of limbs that the device does in a second, the result as wide as a column.
pub(crate) fn products_per_second(context: &Context) -> Result<f64, GpuError> {
    let pipeline = context.compile(&[shader(context.arithmetic().column())])?.pop();
    let pipeline = pipeline.ok_or_else(|| GpuError::Refused("a shader is missing".into()))?;
    let results = context.pool.take("rate", u64::from(THREADS) * 4)?;
    let mut rounds = 1;
    for _ in 0..DOUBLINGS_MAX {
        let mut recorder = Recorder::new(context);
        recorder.threads(&pipeline, &[results.binding()], (THREADS, THREADS_MAX), &[rounds]);
        let started = Instant::now();
        recorder.submit()?.wait()?;
        let elapsed = started.elapsed();
        if elapsed >= MEASURED_MIN {
            let products = f64::from(THREADS) * f64::from(CHAINS * UNROLLED) * f64::from(rounds);
            return Ok(products / elapsed.as_secs_f64());
        }
        rounds *= 2;
    }
    Err(GpuError::SelfCheck("it takes no time to multiply"))
}

fn shader(column: Column) -> Shader {
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
    Shader {
        label: "rate",
        form: Form::Threads,
        workgroup: WORKGROUP,
        bindings: vec![Binding::write("results", Kind::Words)],
        parameters: &["rounds"],
        code,
    }
}
