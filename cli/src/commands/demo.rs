//! `zkpool demo`: the whole service in one step.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use zkpool_ledger::{PriceBook, recompute};
use zkpool_types::api::{CircuitView, ProofView, SubmitProof};
use zkpool_types::{DeviceClass, JobId, JobState, NanoUsd, ProjectId, Usage};

use super::proofs;
use crate::client::{Client, WaitFor};
use crate::device::DeviceArgs;
use crate::embedded::{self, Embedded};
use crate::exit::CliError;
use crate::output::{Report, Table};
use crate::progress::{Bar, Drawing};
use crate::{groth16, random, rollup};

/// How long the demonstration waits for its proofs.
const WAIT: WaitFor =
    WaitFor { total: Duration::from_secs(600), look_every: Duration::from_secs(20) };

/// Prove batches of rollup transfers on this machine, in one step
///
/// Starts a service on a free port, sets up and registers the rollup circuit, submits the batches
/// over HTTP all at once, verifies every proof with the published verification key, and recomputes
/// every receipt. It succeeds only if all of that holds. Eight different batches come with the
/// command; with more proofs they are taken in turn.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// How many proofs to make
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    proofs: u32,
    /// Keep everything in this directory instead of a temporary one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// One proof of the demonstration.
#[derive(Debug, Serialize)]
struct Row {
    id: JobId,
    state: JobState,
    verified: bool,
    receipt_recomputed: bool,
    device: Option<DeviceClass>,
    device_name: Option<String>,
    prove_ms: f64,
    charge_nano_usd: NanoUsd,
    #[serde(skip)]
    usage: Usage,
    #[serde(skip)]
    device_shown: String,
}

/// The demonstration as JSON.
#[derive(Debug, Serialize)]
struct Summary {
    proofs: Vec<Row>,
    total_charge_nano_usd: NanoUsd,
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs, drawing: Drawing) -> Result<Report, CliError> {
    let engine = args.device.open()?;
    with_data_dir(args.data.as_deref(), |data| {
        let service = Embedded::start(data, embedded::ANY_PORT, engine.device())?;
        let project: ProjectId = "demo".parse().map_err(CliError::internal)?;
        let (client, key) = service.client(&project)?;
        let rows = prove_all(&service, &client, data, args.proofs as usize, drawing);
        service.storage().keys().revoke(&project, key)?;
        service.stop()?;
        report(rows?)
    })
}

/// Runs `work` on `data`, or on a temporary directory that is gone afterwards.
pub(crate) fn with_data_dir<T>(
    data: Option<&Path>,
    work: impl FnOnce(&Path) -> Result<T, CliError>,
) -> Result<T, CliError> {
    match data {
        Some(data) => work(data),
        None => {
            let dir = tempfile::Builder::new().prefix("zkpool-").tempdir();
            let dir = dir.map_err(|error| CliError::write(&std::env::temp_dir(), error))?;
            work(dir.path())
        }
    }
}

/// Registers the circuit, then makes and checks every proof.
fn prove_all(
    service: &Embedded,
    client: &Client,
    data: &Path,
    count: usize,
    drawing: Drawing,
) -> Result<Vec<Row>, CliError> {
    let circuit = rollup::register(client, data, drawing)?;
    let bar = drawing.count(count as u64, "proving");
    let views = prove_concurrently(client, &circuit, count, &bar)?;
    let verification_key = client.verification_key(&circuit.id)?;
    views.iter().map(|view| check(view, &verification_key, service.price_book())).collect()
}

/// Submits every batch at once, each from a thread of its own, and waits for all of them.
fn prove_concurrently(
    client: &Client,
    circuit: &CircuitView,
    count: usize,
    bar: &Bar,
) -> Result<Vec<ProofView>, CliError> {
    thread::scope(|scope| {
        let requests: Vec<_> = (0..count)
            .map(|index| scope.spawn(move || prove_one(client, circuit, index, bar)))
            .collect();
        let joined = requests.into_iter().map(thread::ScopedJoinHandle::join);
        let panicked = |_| CliError::Fault("a request of the demonstration panicked".into());
        joined.map(|view| view.map_err(panicked)?).collect()
    })
}

/// Submits one batch and waits for its proof.
fn prove_one(
    client: &Client,
    circuit: &CircuitView,
    index: usize,
    bar: &Bar,
) -> Result<ProofView, CliError> {
    let body = SubmitProof {
        circuit: circuit.id.to_string(),
        witness: rollup::witness(client, index)?,
        tags: [("batch".to_owned(), (index + 1).to_string())].into(),
        deadline: None,
        quote: None,
        max_price_nano_usd: None,
    };
    let job = client.submit(&random::idempotency_key()?, &body)?.id;
    let view = client.wait(job, WAIT, |_| {})?;
    bar.advance(1);
    Ok(view)
}

/// Verifies one proof and its receipt as anyone could.
fn check(view: &ProofView, verification_key: &Value, book: &PriceBook) -> Result<Row, CliError> {
    let verified = match &view.proof {
        Some(proof) => groth16::verify_body(verification_key, proof)?,
        None => false,
    };
    let receipt = view.receipt.as_ref();
    let usage = receipt.map_or_else(Usage::default, |receipt| receipt.usage);
    Ok(Row {
        id: view.id,
        state: view.state,
        verified,
        receipt_recomputed: receipt.is_some_and(|receipt| recompute(book, receipt).is_ok()),
        device: receipt.and_then(|receipt| receipt.device.clone()),
        device_name: receipt.and_then(|receipt| receipt.device_name.clone()),
        prove_ms: ms(usage.device_us),
        charge_nano_usd: receipt.map_or(NanoUsd::ZERO, |receipt| receipt.charge_nano_usd),
        usage,
        device_shown: receipt.map_or_else(String::new, proofs::device),
    })
}

/// Milliseconds of microseconds.
pub(crate) fn ms(us: u64) -> f64 {
    us as f64 / 1e3
}

/// The table and the total. It holds if every proof and every receipt does.
fn report(proofs: Vec<Row>) -> Result<Report, CliError> {
    let mut table = Table::new(&[
        "proof",
        "state",
        "device",
        "queue ms",
        "witness ms",
        "ntt ms",
        "msm ms",
        "verify ms",
        "verified",
        "receipt",
        "charge",
    ]);
    for row in &proofs {
        let time = |us| format!("{:.1}", ms(us));
        let Usage { queue_us, witness_us, ntt_us, msm_us, verify_us, .. } = row.usage;
        let yes_no = |holds| if holds { "yes" } else { "NO" }.to_owned();
        table.row(vec![
            row.id.to_string(),
            row.state.to_string(),
            row.device_shown.clone(),
            time(queue_us),
            time(witness_us),
            time(ntt_us),
            time(msm_us),
            time(verify_us),
            yes_no(row.verified),
            yes_no(row.receipt_recomputed),
            row.charge_nano_usd.to_string(),
        ]);
    }
    let total_charge_nano_usd = proofs.iter().map(|row| row.charge_nano_usd).sum();
    let holds = proofs.iter().all(|row| row.verified && row.receipt_recomputed);
    let count = proofs.iter().filter(|row| row.verified).count();
    let text = format!(
        "{}{count} of {} proofs verified, {total_charge_nano_usd} in all\n",
        table.render(),
        proofs.len(),
    );
    Ok(Report::new(&Summary { proofs, total_charge_nano_usd }, text)?.holds(holds))
}
