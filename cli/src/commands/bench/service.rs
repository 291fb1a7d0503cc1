//! `zkpool bench service`: what the service adds to proving.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use zkpool_functions::Settings;
use zkpool_jobs::Jobs;
use zkpool_ports::{Clock, SystemClock};
use zkpool_types::api::{CircuitView, ProofView};
use zkpool_types::{JobId, JobState, ProjectId, Timestamp};

use super::median;
use crate::client::Client;
use crate::commands::demo::{ms, with_data_dir};
use crate::device::Engine;
use crate::embedded::{self, Embedded};
use crate::exit::CliError;
use crate::output::{Report, fields};
use crate::progress::Drawing;
use crate::rollup;

/// What the service may add besides waiting for the disk, in milliseconds.
const BOUND_MS: f64 = 5.0;

/// Writes through of the request's record, which carries the time of acceptance and so comes after
/// it: its contents and its name. Those of the outcome are counted.
const REQUEST_FSYNCS: u64 = 2;

/// Times the disk is asked to write through between two proofs.
const FSYNC_SAMPLES: usize = 5;

/// How long one proof is waited for.
const WAIT: Duration = Duration::from_secs(120);

/// Measure what the service adds to proving, one proof at a time
///
/// The overhead of a proof is the time from acceptance until its outcome is durable and can be
/// read, less the time in which it was proven and verified. It is held against a bound: the writes that must reach the disk before a
/// proof is ready, times what one such write takes on this disk in the same run, plus 5 ms.
#[derive(Args, Debug)]
pub(crate) struct ServiceArgs {
    /// How many proofs to measure
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    proofs: u32,
    /// Measure on the disk of this directory instead of the temporary one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// One proof as it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    overhead_ms: f64,
    requester_ms: f64,
    fsyncs: u64,
    fsyncs_on_path: u64,
    fsync_ms: f64,
}

/// What was measured.
#[derive(Debug, PartialEq, Serialize)]
struct Measured {
    proofs: usize,
    overhead_ms_p50: f64,
    requester_overhead_ms_p50: f64,
    fsyncs_per_job: u64,
    fsyncs_on_path: u64,
    fsync_ms_p50: f64,
    bound_ms: f64,
    holds: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ServiceArgs, drawing: Drawing) -> Result<Report, CliError> {
    let samples = with_data_dir(args.data.as_deref(), |data| {
        let (device, settings) = (Engine::Cpu.device(), Settings::default());
        let service = Embedded::start(data, embedded::ANY_PORT, device, settings)?;
        let project: ProjectId = "bench".parse().map_err(CliError::internal)?;
        let (client, key) = service.client(&project)?;
        let samples = measure(&service, &client, &project, data, args.proofs as usize, drawing);
        service.storage().keys().revoke(&project, key)?;
        service.stop()?;
        samples
    })?;
    report(&Measured::of(&samples))
}

/// Measures one proof after another, after one that loads the key.
fn measure(
    service: &Embedded,
    client: &Client,
    project: &ProjectId,
    data: &Path,
    count: usize,
    drawing: Drawing,
) -> Result<Vec<Sample>, CliError> {
    let circuit = rollup::register(client, data, drawing)?;
    measure_one(service, client, project, &circuit, 0)?;
    let bar = drawing.count(count as u64, "proving");
    let each = (0..count).map(|index| {
        let sample = measure_one(service, client, project, &circuit, index);
        bar.advance(1);
        sample
    });
    each.collect()
}

/// Measures one proof.
fn measure_one(
    service: &Embedded,
    client: &Client,
    project: &ProjectId,
    circuit: &CircuitView,
    index: usize,
) -> Result<Sample, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let storage = service.storage();
    let probe = storage.blobs().probe_fsync(Arc::clone(&clock), FSYNC_SAMPLES);
    let fsync = storage
        .runtime()
        .block_on(probe)
        .map_err(|error| CliError::storage("time the disk", error))?;
    let request = rollup::request(circuit, index);
    let submission = client.run(async |sdk| sdk.prepare(request).await)?;
    let (before, start) = (storage.blobs().fsyncs(), clock.elapsed());
    let job = client.run(async |sdk| sdk.submit(&submission).await)?.id;
    let accepted = storage.blobs().fsyncs();
    let ready = storage.runtime().spawn(ready(service.jobs().clone(), project.clone(), job));
    let status = client.run(async |sdk| sdk.wait_at_most(job, WAIT).await)?;
    let took = clock.elapsed().saturating_sub(start);
    let ready = storage.runtime().block_on(ready).map_err(CliError::internal)??;
    let view = status.view();
    let device_ms = device_ms(view)?;
    Ok(Sample {
        overhead_ms: between_ms(view.accepted_at, ready) - device_ms,
        requester_ms: took.as_secs_f64() * 1e3 - device_ms,
        fsyncs: storage.blobs().fsyncs() - before,
        fsyncs_on_path: REQUEST_FSYNCS + storage.blobs().fsyncs() - accepted,
        fsync_ms: fsync.as_secs_f64() * 1e3,
    })
}

/// Time in which the proof was made and verified.
fn device_ms(view: &ProofView) -> Result<f64, CliError> {
    match (&view.receipt, view.state) {
        (Some(receipt), JobState::Succeeded) => {
            let usage = &receipt.usage;
            Ok(ms(usage.witness_us + usage.ntt_us + usage.msm_us + usage.verify_us))
        }
        _ => Err(CliError::Fault(format!("expected a proof to succeed, found {}", view.state))),
    }
}

/// When the job's outcome was durable. The receipt cannot say: it is part of that write.
async fn ready(jobs: Jobs, project: ProjectId, job: JobId) -> Result<Timestamp, CliError> {
    let ended = jobs.wait(&project, job, WAIT).await;
    ended.map_err(|error| CliError::storage("wait for the outcome", error))?;
    Ok(SystemClock::new().now())
}

fn between_ms(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e3
}

impl Measured {
    fn of(samples: &[Sample]) -> Self {
        let p50 =
            |value: fn(&Sample) -> f64| median(&samples.iter().map(value).collect::<Vec<_>>());
        let count =
            |value: fn(&Sample) -> u64| median(&samples.iter().map(value).collect::<Vec<_>>());
        let (fsyncs_per_job, fsyncs_on_path) = (count(|s| s.fsyncs), count(|s| s.fsyncs_on_path));
        let (overhead_ms_p50, fsync_ms_p50) = (p50(|s| s.overhead_ms), p50(|s| s.fsync_ms));
        let bound_ms = fsyncs_on_path as f64 * fsync_ms_p50 + BOUND_MS;
        Self {
            proofs: samples.len(),
            overhead_ms_p50,
            requester_overhead_ms_p50: p50(|s| s.requester_ms),
            fsyncs_per_job,
            fsyncs_on_path,
            fsync_ms_p50,
            bound_ms,
            holds: overhead_ms_p50 <= bound_ms,
        }
    }
}

fn report(measured: &Measured) -> Result<Report, CliError> {
    let Measured {
        proofs,
        overhead_ms_p50,
        requester_overhead_ms_p50: requester,
        fsyncs_per_job,
        fsyncs_on_path,
        fsync_ms_p50,
        bound_ms,
        holds,
    } = measured;
    let text = fields(&[
        ("proofs", proofs.to_string()),
        ("overhead p50", format!("{overhead_ms_p50:.2} ms from accepted to ready")),
        ("requester p50", format!("{requester:.2} ms from sending to a verified proof")),
        ("disk", format!("{fsync_ms_p50:.2} ms to write through")),
        ("writes through", format!("{fsyncs_per_job} a proof, {fsyncs_on_path} from acceptance")),
        ("bound", format!("{bound_ms:.2} ms: {}", if *holds { "holds" } else { "EXCEEDED" })),
    ]);
    Ok(Report::new(measured, text)?.holds(*holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(overhead_ms: f64) -> Measured {
        Measured::of(&[Sample {
            overhead_ms,
            requester_ms: 0.0,
            fsyncs: 9,
            fsyncs_on_path: 4,
            fsync_ms: 2.0,
        }])
    }

    #[test]
    fn the_bound_is_the_disk_and_five_milliseconds() {
        assert_eq!(measured(13.0).bound_ms, 13.0);
        assert!(measured(13.0).holds);
        assert!(!measured(13.1).holds);
    }
}
