//! `zkpool demo`: the whole service in one step.

use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use zkpool_functions::Settings;
use zkpool_sdk::{Proof, ReceiptCheck};
use zkpool_types::{DeviceClass, JobId, JobState, NanoUsd, ProjectId, Usage};

use super::proofs;
use crate::client::Client;
use crate::device::DeviceArgs;
use crate::embedded::{self, Embedded};
use crate::exit::CliError;
use crate::output::{Report, Table};
use crate::progress::Drawing;
use crate::rollup;

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
        let (device, settings) = (engine.device(), Settings::default());
        let service = Embedded::start(data, embedded::ANY_PORT, device, settings)?;
        let project: ProjectId = "demo".parse().map_err(CliError::internal)?;
        let (client, key) = service.client(&project)?;
        let rows = prove_all(&client, data, args.proofs as usize, drawing);
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

/// Registers the circuit, then asks for every proof at once and checks it as anyone could: the SDK
/// hands out no proof that does not verify on this side of the connection.
fn prove_all(
    client: &Client,
    data: &Path,
    count: usize,
    drawing: Drawing,
) -> Result<Vec<Row>, CliError> {
    let circuit = rollup::register(client, data, drawing)?;
    let bar = drawing.count(count as u64, "proving");
    let batch = |index| rollup::request(&circuit, index).tag("batch", (index + 1).to_string());
    let proofs: Vec<Proof> = client.run(async |sdk| {
        let proofs = sdk.prove_all((0..count).map(batch)).in_flight(count).in_order();
        proofs.inspect(|_| bar.advance(1)).try_collect().await
    })?;
    Ok(proofs.iter().map(row).collect())
}

fn row(proof: &Proof) -> Row {
    let receipt = proof.receipt();
    Row {
        id: proof.id(),
        state: proof.view().state,
        verified: proof.is_verified(),
        receipt_recomputed: *proof.receipt_check() == ReceiptCheck::Recomputed,
        device: receipt.device.clone(),
        device_name: receipt.device_name.clone(),
        prove_ms: ms(receipt.usage.device_us),
        charge_nano_usd: receipt.charge_nano_usd,
        usage: receipt.usage,
        device_shown: proofs::device(receipt),
    }
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
