//! One trace, played once.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use zkpool_replay::{Figures, Policy, Report, bound_ms, replay};

use super::{ReplayError, files};

/// What is played.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// diurnal, rollup, bursty, or the file of a trace
    trace: PathBuf,
    /// Policies in place of infra/scaling.json
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Always so many provers, and no policy
    #[arg(long, value_name = "N", conflicts_with = "policy")]
    provers: Option<u32>,
    /// Machines in place of load-tests/replay/fleet.json
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// Write the state at the end of each minute, as CSV
    #[arg(long, value_name = "FILE")]
    minutes: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Played {
    /// Paid time of machines over what no schedule with the same wait of 95 in 100 jobs falls below.
    cost_ratio_to_optimum: f64,
    #[serde(flatten)]
    figures: Figures,
}

impl Replay {
    /// Plays the trace.
    pub(crate) fn run(&self) -> Result<String, ReplayError> {
        let trace = files::trace(&self.trace)?;
        let machines = files::fleet(self.fleet.as_ref())?;
        let (policy, provers_max) = self.policy()?;
        let report = replay(&policy, &machines, &trace)?;
        if let Some(path) = &self.minutes {
            files::write(path, &minutes(&report))?;
        }
        let bound_ms = bound_ms(&machines, &trace, provers_max, report.wait_ms(95))?;
        let cost_ratio_to_optimum = ratio(report.paid_ms, bound_ms);
        let played = Played { cost_ratio_to_optimum, figures: report.figures() };
        Ok(if self.json { json(&played) } else { text(&played) })
    }

    /// What decides the number of provers, and the most it may come to.
    fn policy(&self) -> Result<(Policy, u32), ReplayError> {
        if let Some(provers) = self.provers {
            return Ok((Policy::Fixed(provers), provers));
        }
        let scaling = files::policy(self.policy.as_ref())?;
        let provers_max = scaling.provers_max;
        Ok((Policy::Scaled(scaling), provers_max))
    }
}

fn json(played: &Played) -> String {
    let value = serde_json::to_value(played).unwrap_or_default();
    format!("{value:#}\n")
}

fn text(played: &Played) -> String {
    let Played { cost_ratio_to_optimum, figures: f } = played;
    format!(
        "proofs        {} ({} left unproven, {} interrupted)\n\
         wait          p50 {:.1} s, p95 {:.1} s, p99 {:.1} s\n\
         latency       p50 {:.1} s, p95 {:.1} s\n\
         machines      {:.2} on average, at most {} provers\n\
         of their time {:.1} % proving, {:.1} % starting, {:.1} % idle\n\
         cost          {} nano-dollars a proof, {:.3} of the clairvoyant optimum at most\n",
        f.proofs,
        f.left,
        f.interruptions,
        f.p50_s,
        f.p95_s,
        f.p99_s,
        f.latency_p50_s,
        f.latency_p95_s,
        f.machines_mean,
        f.provers_max,
        f.utilisation * 100.0,
        f.starting_share * 100.0,
        f.idle_share * 100.0,
        f.nano_usd_per_proof,
        cost_ratio_to_optimum,
    )
}

fn minutes(report: &Report) -> String {
    let mut csv = "minute,wanted,paid,busy,accepted,waiting\n".to_owned();
    for (minute, m) in report.minutes.iter().enumerate() {
        let _ = writeln!(
            csv,
            "{},{},{},{},{},{}",
            minute + 1,
            m.wanted,
            m.paid,
            m.busy,
            m.accepted,
            m.waiting
        );
    }
    csv
}

/// A ratio; one where there was nothing to pay for.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a trace are below 2^52")]
pub(super) fn ratio(paid_ms: u64, bound_ms: u64) -> f64 {
    if bound_ms == 0 { 1.0 } else { paid_ms as f64 / bound_ms as f64 }
}
