//! What the SDK adds: many small proofs at once against a server on this machine.
//!
//! ```text
//! cargo run --release -p zkpool-sdk --example throughput -- --proofs 1000 --concurrency 64
//! ```
//!
//! The circuit is one multiplication, so that hardly anything is measured but the way there and
//! back: submission, waiting, and verification on this side. Memory is that of this process, when a
//! tenth of the proofs is there and when all are.

#![allow(clippy::print_stdout, reason = "an example prints what it found")]

#[path = "../common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::Parser;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::Instant;
use zkpool_sdk::{Client, NewCircuit, ProofRequest, Status};

use common::{Failure, Server, Zkpool};

#[derive(Parser)]
struct Cli {
    /// Proofs to ask for
    #[arg(long, default_value_t = 1000)]
    proofs: usize,
    /// At once
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// The `zkpool` command; built if not given
    #[arg(long)]
    zkpool: Option<PathBuf>,
}

/// How long one proof took.
struct Took {
    submit: Duration,
    whole: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Cli { proofs, concurrency, zkpool } = Cli::parse();
    let data = tempfile::tempdir()?;
    let zkpool = Zkpool::find(zkpool).await?;
    let server = Server::start(&zkpool, data.path()).await?;
    let key = zkpool.create_key(data.path(), "bench").await?;
    let client = Client::builder(key.as_str()).server(server.url()).build()?;
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/bn128");
    let key = format!("{fixtures}/multiplier.zkey");
    client.register(NewCircuit::file("multiplier", key)).await?;
    let witness = tokio::fs::read(format!("{fixtures}/multiplier.wtns")).await?;

    // Loads the keys on both sides.
    client.prove(ProofRequest::new("multiplier", witness.clone())).await?;
    let start = Instant::now();
    let all = stream::iter(0..proofs).map(|_| prove(&client, witness.clone()));
    let mut all = pin!(all.buffer_unordered(concurrency));
    let (mut took, mut memory_early) = (Vec::with_capacity(proofs), 0);
    while let Some(one) = all.next().await {
        took.push(one?);
        if took.len() == proofs / 10 {
            memory_early = memory_kib().await?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let found = json!({
        "proofs": proofs,
        "concurrency": concurrency,
        "seconds": seconds,
        "proofs_per_second": proofs as f64 / seconds,
        "submit_ms": quantiles(took.iter().map(|took| took.submit)),
        "proof_ms": quantiles(took.iter().map(|took| took.whole)),
        "memory_kib_at_a_tenth": memory_early,
        "memory_kib_at_the_end": memory_kib().await?,
    });
    println!("{found:#}");
    Ok(())
}

async fn prove(client: &Client, witness: Vec<u8>) -> Result<Took, Failure> {
    let submission = client.prepare(ProofRequest::new("multiplier", witness)).await?;
    let start = Instant::now();
    let job = client.submit(&submission).await?.id;
    let submit = start.elapsed();
    match client.wait(job).await? {
        Status::Proved(_) => Ok(Took { submit, whole: start.elapsed() }),
        other => Err(format!("expected a proof, found {other:?}").into()),
    }
}

/// Median, 99th percentile and the largest, in milliseconds.
fn quantiles(times: impl Iterator<Item = Duration>) -> serde_json::Value {
    let mut ms: Vec<_> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    let at = |percent: usize| ms.get((ms.len().max(1) - 1) * percent / 100);
    json!({ "p50": at(50), "p99": at(99), "max": at(100) })
}

/// What this process has in memory, as Linux counts it.
async fn memory_kib() -> Result<u64, Failure> {
    let status = tokio::fs::read_to_string("/proc/self/status").await?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no memory is told")?.parse()?)
}
