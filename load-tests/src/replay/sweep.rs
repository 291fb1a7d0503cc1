//! Other values of the policies on every trace.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use zkpool_replay::{
    Axis, Chart, Figures, FleetError, Look, Machines, Scaling, Series, Trace, Tried, bound_ms,
    candidates, choose, plot, sweep,
};

use super::{ReplayError, files};

/// Waits that the optimum is drawn for, beside those that policies reach, in seconds.
const BOUND_WAITS_S: [u64; 7] = [0, 15, 30, 60, 120, 300, 600];

/// What is tried.
#[derive(Debug, Args)]
pub(crate) struct Sweep {
    /// Policies in place of infra/scaling.json
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Machines in place of load-tests/replay/fleet.json
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// What 95 in 100 jobs may wait on diurnal, rollup and bursty, in seconds
    #[arg(long, value_name = "SECONDS", num_args = 3, default_values_t = [150.0, 150.0, 900.0])]
    waits: Vec<f64>,
    /// Write a picture
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl Sweep {
    /// Tries all candidates.
    pub(crate) fn run(&self) -> Result<String, ReplayError> {
        let machines = files::fleet(self.fleet.as_ref())?;
        let shipped = files::policy(self.policy.as_ref())?;
        let named = |(name, _): &(&str, &str)| files::trace(name.as_ref());
        let traces = files::TRACES.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        let tried = sweep(&candidates(&shipped), &machines, &traces)?;
        let now = sweep(std::slice::from_ref(&shipped), &machines, &traces)?;
        if let Some(path) = &self.plot {
            files::write(path, &picture(&tried, &now, &machines, &traces)?)?;
        }
        let chosen = choose(&tried, &self.waits).ok_or(ReplayError::NoneQuick)?;
        let mut text = heading();
        now.iter().for_each(|tried| row(&mut text, "shipped", tried));
        row(&mut text, "chosen", chosen);
        tried.iter().for_each(|tried| row(&mut text, "", tried));
        Ok(text)
    }
}

fn heading() -> String {
    let mut text = "         target_s out_s in_s idle_min".to_owned();
    for (name, _) in files::TRACES {
        let _ = write!(text, " | {name:>8} p95_s  $/1000");
    }
    text + "\n"
}

fn row(text: &mut String, label: &str, tried: &Tried) {
    let Scaling { target_backlog_s, scale_out_cooldown_s, scale_in_cooldown_s, sleep, .. } =
        &tried.scaling;
    let idle = sleep.idle_minutes;
    let _ = write!(
        text,
        "{label:<8} {target_backlog_s:>8} {scale_out_cooldown_s:>5} {scale_in_cooldown_s:>4} {idle:>8}"
    );
    for figures in &tried.figures {
        let (wait_s, usd) = point(figures);
        let _ = write!(text, " | {wait_s:>14.1} {usd:>7.4}");
    }
    text.push('\n');
}

/// Where a policy is in the picture.
fn point(figures: &Figures) -> (f64, f64) {
    (figures.p95_s, usd_per_1000(figures.nano_usd_per_proof))
}

fn picture(
    tried: &[Tried],
    now: &[Tried],
    machines: &Machines,
    traces: &[Trace],
) -> Result<String, FleetError> {
    let mut charts = Vec::new();
    for (position, ((name, _), trace)) in files::TRACES.iter().zip(traces).enumerate() {
        let points = |tried: &[Tried]| -> Vec<_> {
            tried.iter().filter_map(|tried| tried.figures.get(position).map(point)).collect()
        };
        let provers_max = now.first().map_or(1, |now| now.scaling.provers_max);
        let series = |name: &str, look, points| Series { name: name.to_owned(), look, points };
        let bound = bound(machines, trace, provers_max)?;
        charts.push(Chart {
            title: (*name).to_owned(),
            x: Axis { label: "wait of 95 in 100, s", decimals: 0 },
            y: Axis { label: "$ per 1,000 proofs", decimals: 2 },
            series: vec![
                series("policies tried", Look::Dots, points(tried)),
                series("no schedule costs less, whatever it knows", Look::Line(0), bound),
                series("deployed", Look::Mark, points(now)),
            ],
        });
    }
    Ok(plot("Cost of a proof over the wait of 95 in 100, by policy", &charts))
}

fn bound(
    machines: &Machines,
    trace: &Trace,
    provers_max: u32,
) -> Result<Vec<(f64, f64)>, FleetError> {
    let price = machines.devices.iter().map(|device| device.nano_usd_per_hour).min().unwrap_or(0);
    let proofs = trace.arrivals.len().max(1) as u64;
    let at = |wait_s: u64| {
        let bound_ms = bound_ms(machines, trace, provers_max, wait_s * 1000)?;
        let nano_usd = u128::from(bound_ms) * u128::from(price) / 3_600_000 / u128::from(proofs);
        let usd = usd_per_1000(u64::try_from(nano_usd).unwrap_or(u64::MAX));
        Ok((f64::from(u32::try_from(wait_s).unwrap_or(u32::MAX)), usd))
    };
    BOUND_WAITS_S.into_iter().map(at).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a proof's price in nano-dollars is below 2^52")]
fn usd_per_1000(nano_usd_per_proof: u64) -> f64 {
    nano_usd_per_proof as f64 / 1e6
}
