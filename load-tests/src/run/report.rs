//! What came of a load, in figures.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use zkpool_types::api::ProofView;
use zkpool_types::{JobState, ProjectId, Timestamp};

use super::generator::{Happened, TENANT_TAG, count_second};
use super::scenario::Scenario;
use super::tally::{Latencies, Part, Spread, Tally};
use super::vitals::Vitals;

/// The part of the time after which memory is read first, as a divisor: by then what a service
/// keeps for good is there.
const SETTLED_AFTER: u32 = 10;

/// A look at the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// From the start.
    pub(crate) at: Duration,
    pub(crate) vitals: Vitals,
}

/// A run as it went.
pub(crate) struct Run {
    /// The scenario's name or file.
    pub(crate) name: String,
    pub(crate) scenario: Scenario,
    pub(crate) planned: usize,
    pub(crate) started_at: Timestamp,
    pub(crate) happened: Happened,
    /// Every job as the service shows it at the end.
    pub(crate) jobs: Vec<ProofView>,
    pub(crate) samples: Vec<Sample>,
    /// Before and after, of a service on this machine.
    pub(crate) disk_mb: Option<(f64, f64)>,
}

/// What is told of a run.
pub(crate) struct Report {
    pub(crate) about: String,
    pub(crate) figures: Figures,
    /// All projects together.
    pub(crate) total: Tally,
    pub(crate) accepted_by_second: Vec<u32>,
    pub(crate) committed_by_second: Vec<u32>,
    pub(crate) samples: Vec<Sample>,
}

/// What is printed. Latencies are counted from when a job was due.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) scenario: String,
    /// Jobs that were to be sent.
    pub(crate) planned: usize,
    /// Submissions that were accepted.
    pub(crate) submitted: u64,
    pub(crate) submitted_per_s: f64,
    /// Jobs that ended with a proof.
    pub(crate) committed: u64,
    pub(crate) committed_per_s: f64,
    /// Jobs that ended without one, and what was charged for them.
    pub(crate) not_proved: u64,
    pub(crate) not_proved_nano_usd: u64,
    /// Jobs that had not ended.
    pub(crate) open: u64,
    /// Whatever failed, by its code.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Of submissions.
    pub(crate) p50_ms: f64,
    /// Of submissions.
    pub(crate) p99_ms: f64,
    /// Where the time of a job goes.
    pub(crate) parts: BTreeMap<&'static str, Spread>,
    /// Provers that were proving, on average between the first and the last commit.
    pub(crate) provers_busy: f64,
    /// Mean charge of a proof.
    pub(crate) nano_usd_per_proof: u64,
    /// Memory after a tenth of the time, and at the end.
    pub(crate) rss_mb_start: Option<f64>,
    pub(crate) rss_mb_end: Option<f64>,
    /// The service at both of these moments.
    pub(crate) start: Option<Vitals>,
    pub(crate) end: Option<Vitals>,
    /// The disk before the first and after the last job.
    pub(crate) disk_mb_start: Option<f64>,
    pub(crate) disk_mb_end: Option<f64>,
    /// By project.
    pub(crate) tenants: BTreeMap<ProjectId, Tenant>,
}

/// One project.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Tenant {
    pub(crate) submitted: u64,
    pub(crate) committed: u64,
    pub(crate) submission: Spread,
    pub(crate) waiting: Spread,
}

impl Report {
    /// Adds everything up.
    pub(crate) fn of(run: Run) -> Self {
        let (mut tenants, mut total) = (run.happened.tenants.clone(), Tally::default());
        for job in &run.jobs {
            total.job(job);
            if let Some(tenant) = tenants.get_mut(&tenant_of(job)) {
                tenant.job(job);
            }
        }
        total.add_sent(run.happened.tenants.values());
        let committed_by_second = committed_by_second(&run);
        let figures = figures(&run, &total, &tenants);
        Self {
            about: run.scenario.about,
            figures,
            total,
            accepted_by_second: run.happened.accepted_by_second,
            committed_by_second,
            samples: run.samples,
        }
    }
}

/// The project that a job was sent for.
fn tenant_of(job: &ProofView) -> ProjectId {
    let named = job.tags.get(TENANT_TAG).and_then(|name| name.parse().ok());
    named.unwrap_or_else(|| job.project.clone())
}

fn figures(run: &Run, total: &Tally, tenants: &BTreeMap<ProjectId, Tally>) -> Figures {
    let committed = total.count(JobState::Succeeded);
    let open = total.count(JobState::Queued) + total.count(JobState::Proving);
    let ended: u64 = total.states.values().sum::<u64>() - open;
    let settled = run.scenario.duration() / SETTLED_AFTER;
    let start = run.samples.iter().find(|sample| sample.at >= settled).map(|sample| sample.vitals);
    let end = run.samples.last().map(|sample| sample.vitals);
    let commits = Commits::of(run);
    Figures {
        scenario: run.name.clone(),
        planned: run.planned,
        submitted: total.submitted,
        submitted_per_s: per_s(total.submitted, run.happened.last_accepted),
        committed,
        committed_per_s: per_s(committed, commits.last),
        not_proved: ended - committed,
        not_proved_nano_usd: total.charged_in_vain_nano_usd,
        open,
        errors: total.errors.clone(),
        p50_ms: total.at_ms(Part::Submission, 0.5),
        p99_ms: total.at_ms(Part::Submission, 0.99),
        parts: total.parts.iter().map(|(part, all)| (part.name(), all.spread())).collect(),
        provers_busy: commits.provers_busy(total.proving_us),
        nano_usd_per_proof: total.charged_nano_usd.checked_div(committed).unwrap_or(0),
        rss_mb_start: start.map(|vitals| vitals.rss_mb),
        rss_mb_end: end.map(|vitals| vitals.rss_mb),
        start,
        end,
        disk_mb_start: run.disk_mb.map(|(before, _)| before),
        disk_mb_end: run.disk_mb.map(|(_, after)| after),
        tenants: tenants.iter().map(|(name, tally)| (name.clone(), Tenant::of(tally))).collect(),
    }
}

/// When proofs were committed, from the start.
struct Commits {
    first: Duration,
    /// What the first one took of its device, which was before.
    first_proving: Duration,
    last: Duration,
}

impl Commits {
    fn of(run: &Run) -> Self {
        let mut commits =
            Self { first: Duration::MAX, first_proving: Duration::ZERO, last: Duration::ZERO };
        for job in run.jobs.iter().filter(|job| job.state == JobState::Succeeded) {
            let Some(at) = ended_after(job, run.started_at) else { continue };
            commits.last = commits.last.max(at);
            if at < commits.first {
                let usage = job.receipt.as_ref().map(|receipt| receipt.usage).unwrap_or_default();
                let us = usage.witness_us + usage.ntt_us + usage.msm_us + usage.verify_us;
                (commits.first, commits.first_proving) = (at, Duration::from_micros(us));
            }
        }
        commits
    }

    /// Time on devices over time.
    fn provers_busy(&self, proving_us: u64) -> f64 {
        let span = self.last.saturating_sub(self.first).as_secs_f64();
        let proving = Duration::from_micros(proving_us).saturating_sub(self.first_proving);
        if span > 0.0 { proving.as_secs_f64() / span } else { 0.0 }
    }
}

/// When a job ended, from `start`.
fn ended_after(job: &ProofView, start: Timestamp) -> Option<Duration> {
    Duration::try_from(job.finished_at?.duration_since(start)).ok()
}

fn committed_by_second(run: &Run) -> Vec<u32> {
    let mut seconds = Vec::new();
    for job in run.jobs.iter().filter(|job| job.state == JobState::Succeeded) {
        if let Some(at) = ended_after(job, run.started_at) {
            count_second(&mut seconds, at);
        }
    }
    seconds
}

#[expect(clippy::cast_precision_loss, reason = "jobs are counted in millions")]
fn per_s(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

impl Tenant {
    fn of(tally: &Tally) -> Self {
        let spread = |part| tally.parts.get(&part).map(Latencies::spread).unwrap_or_default();
        Self {
            submitted: tally.submitted,
            committed: tally.count(JobState::Succeeded),
            submission: spread(Part::Submission),
            waiting: spread(Part::Waiting),
        }
    }
}

impl Figures {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{}: {} planned, {} submitted ({:.1}/s), {} committed ({:.1}/s), {} not proved, {} open\n\
             provers busy {:.3}, {} nano-dollars a proof, {} for what was not proved\n",
            self.scenario,
            self.planned,
            self.submitted,
            self.submitted_per_s,
            self.committed,
            self.committed_per_s,
            self.not_proved,
            self.open,
            self.provers_busy,
            self.nano_usd_per_proof,
            self.not_proved_nano_usd,
        );
        text += "milliseconds       count      p50      p95      p99      max\n";
        for part in Part::ALL {
            if let Some(spread) = self.parts.get(part.name()) {
                row(&mut text, part.name(), spread);
            }
        }
        for (name, tenant) in &self.tenants {
            row(&mut text, &format!("{name} waiting"), &tenant.waiting);
        }
        if let (Some(start), Some(end)) = (self.start, self.end) {
            let _ = writeln!(
                text,
                "memory {:.1} to {:.1} MB, {} to {} open files, {} to {} messages",
                start.rss_mb,
                end.rss_mb,
                start.open_files,
                end.open_files,
                start.queued,
                end.queued
            );
        }
        if let (Some(before), Some(after)) = (self.disk_mb_start, self.disk_mb_end) {
            let _ = writeln!(text, "disk {before:.1} to {after:.1} MB");
        }
        for (code, count) in &self.errors {
            let _ = writeln!(text, "error {code}: {count}");
        }
        text
    }
}

fn row(text: &mut String, name: &str, spread: &Spread) {
    let Spread { count, p50_ms, p95_ms, p99_ms, max_ms } = spread;
    let _ = writeln!(
        text,
        "{name:<16} {count:>7} {p50_ms:>8.1} {p95_ms:>8.1} {p99_ms:>8.1} {max_ms:>8.1}"
    );
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    /// A proof that was committed so many seconds after the start and took one second of a device.
    fn proof(at: &str, tenant: &str) -> ProofView {
        let receipt = json!({
            "job": "018f2e7a-0000-7000-8000-000000000001", "project": "acme",
            "circuit": "multiplier@0123456789abcdef", "price_book": "2026-11-01", "device": "cpu",
            "usage": {
                "queue_us": 5000, "fetch_us": 0, "witness_us": 0, "ntt_us": 400_000,
                "msm_us": 600_000, "verify_us": 0, "device_us": 1_000_000, "witness_bytes": 1,
                "proof_bytes": 1, "requests": 1, "attempts": 1,
            },
            "utilisation_bp": 1, "margin_bp": 1, "lines": [], "charged": true,
            "charge_nano_usd": 300, "waste_nano_usd": 0, "development": false,
            "witness_retention": "deleted",
        });
        let view = json!({
            "id": "018f2e7a-0000-7000-8000-000000000001", "project": "acme",
            "circuit": "multiplier@0123456789abcdef", "state": "succeeded", "stage": null,
            "queue_position": null, "attempt": null, "tags": { TENANT_TAG: tenant },
            "accepted_at": "2026-11-28T00:00:00Z", "deadline": "2026-11-29T00:00:00Z",
            "finished_at": at, "proof": null, "failure": null, "receipt": receipt,
        });
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn a_prover_with_pauses_between_its_proofs_is_busy_for_the_rest_of_the_time() {
        let mut happened = Happened::default();
        happened.tenants.entry("north".parse().unwrap()).or_default().submitted = 3;
        let ends = ["2026-11-28T00:00:01Z", "2026-11-28T00:00:03Z", "2026-11-28T00:00:05Z"];
        let run = Run {
            name: "a test".to_owned(),
            scenario: Scenario::load(Path::new("steady"), None).unwrap(),
            planned: 3,
            started_at: "2026-11-28T00:00:00Z".parse().unwrap(),
            happened,
            jobs: ends.iter().map(|at| proof(at, "north")).collect(),
            samples: Vec::new(),
            disk_mb: None,
        };
        let Report { figures, committed_by_second, .. } = Report::of(run);
        // Two proofs of a second each in the four seconds after the first one.
        assert!((figures.provers_busy - 0.5).abs() < 1e-9, "{figures:?}");
        assert_eq!((figures.committed, figures.open, figures.nano_usd_per_proof), (3, 0, 300));
        assert_eq!(figures.tenants.values().next().map(|tenant| tenant.committed), Some(3));
        assert_eq!(committed_by_second, [0, 1, 0, 1, 0, 1]);
        assert!(figures.text().contains("north waiting          3      5.0"), "{}", figures.text());
    }
}
