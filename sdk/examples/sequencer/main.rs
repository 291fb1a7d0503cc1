//! A rollup sequencer that proves its batches in order, exactly once, whatever dies meanwhile.
//!
//! ```text
//! cargo run --release -p zkpool-sdk --example sequencer -- --batches 30 --restarts 3 --json
//! ```
//!
//! A block arrives every 200 ms and is a batch of its own. The sequencer (`rollup.rs`) stores each
//! submission in its journal (`journal.rs`) before it sends it, keeps a window of jobs in flight,
//! and settles proofs in order: it holds the public inputs against its own chain of state roots and
//! writes the calldata for the Solidity verifier.
//!
//! This file is what makes its life hard. It starts a `zkpool serve` and the sequencer, both as
//! processes of their own, and kills the server `--restarts` times, every other time together with
//! the sequencer. In the end it counts, at the server, how many jobs and charges there are.

#![allow(clippy::print_stdout, reason = "an example prints what it found")]

#[path = "../common/mod.rs"]
mod common;
mod journal;
mod rollup;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};
use zkpool_sdk::types::NanoUsd;
use zkpool_sdk::types::api::ProofView;
use zkpool_sdk::{Client, JobFilter, JobState, NewCircuit};

use common::{Failure, Server, Zkpool};
use journal::Journal;

const CONSTRAINTS: &str = "circuits/rollup/artifacts/rollup_1.r1cs";

/// Time between two looks at how far the sequencer is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Time without a settled batch after which something is taken to be wrong: far more than a proof
/// and a restart take on a busy machine.
const STALLED: Duration = Duration::from_secs(180);

/// How long the sequencer is left alone with a server that is gone, before it is killed too.
const OUTAGE: Duration = Duration::from_millis(300);

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    whole: Whole,
}

#[derive(Subcommand)]
enum Part {
    /// The sequencer alone, against a server that runs
    Run(rollup::RunArgs),
}

#[derive(Args)]
struct Whole {
    /// Batches to prove
    #[arg(long, default_value_t = 30)]
    batches: u64,
    /// How many times the server is killed
    #[arg(long, default_value_t = 3)]
    restarts: u64,
    /// Jobs in flight
    #[arg(long, default_value_t = 4)]
    window: usize,
    /// Keep everything in this directory instead of a temporary one
    #[arg(long)]
    data: Option<PathBuf>,
    /// The `zkpool` command; built if not given
    #[arg(long)]
    zkpool: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Cli { part, whole } = Cli::parse();
    match part {
        Some(Part::Run(args)) => rollup::run(&args).await,
        None => run_whole(whole).await,
    }
}

async fn run_whole(args: Whole) -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let data = args.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    let zkpool = Zkpool::find(args.zkpool.clone()).await?;
    let mut server = Server::start(&zkpool, &data.join("pool")).await?;
    let key = zkpool.create_key(&data.join("pool"), "rollup").await?;
    let client = Client::builder(key.as_str()).server(server.url()).build()?;
    let circuit = register(&zkpool, &client, &data).await?;

    let url = server.url();
    let start = || Sequencer::start(&args, &url, &key, &circuit, &data);
    let (mut sequencer, mut sequencers) = (start()?, 1);
    for restart in 1..=args.restarts {
        let settled = restart * args.batches / (args.restarts + 1);
        sequencer.until_settled(settled, &data).await?;
        server.kill().await?;
        // The sequencer meets a server that is gone, and every other time is then gone itself.
        let _ = timeout(OUTAGE, sequencer.0.wait()).await;
        if restart % 2 == 0 {
            sequencer.0.kill().await?;
        }
        server.restart(&zkpool, &data.join("pool")).await?;
        if restart % 2 == 0 {
            sequencer = start()?;
            sequencers += 1;
        }
    }
    sequencer.until_ended(&data).await?;
    let jobs = client.jobs(&JobFilter::default(), usize::MAX).await?;
    report(&args, &jobs, &Journal::read(&data)?, sequencers)
}

/// Registers the rollup circuit under a development key and returns its reference.
async fn register(zkpool: &Zkpool, client: &Client, data: &Path) -> Result<String, Failure> {
    let key = data.join("rollup.zkey");
    let constraints = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(CONSTRAINTS);
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or("a path is not text");
    let (constraints, key_path) = (text(&constraints)?, text(&key)?);
    zkpool.run(&["groth16", "setup", "--development", &constraints, &key_path]).await?;
    let circuit = NewCircuit::file("rollup", &key).allow_development_key(true);
    Ok(client.register(circuit).await?.id.to_string())
}

/// The sequencer in a process of its own. Dropping it kills it.
struct Sequencer(Child);

impl Sequencer {
    fn start(
        args: &Whole,
        server: &str,
        key: &str,
        circuit: &str,
        data: &Path,
    ) -> Result<Self, Failure> {
        let process = Command::new(std::env::current_exe()?)
            .args(["run", "--server", server, "--circuit", circuit])
            .args(["--batches", &args.batches.to_string()])
            .args(["--window", &args.window.to_string(), "--data"])
            .arg(data)
            .env("ZKPOOL_API_KEY", key)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(process))
    }

    /// Returns when so many batches are settled, or the sequencer has ended.
    async fn until_settled(&mut self, count: u64, data: &Path) -> Result<(), Failure> {
        let (mut settled, mut since) = (rollup::settled(data), Instant::now());
        while settled < count {
            if let Ok(ended) = timeout(LOOK_EVERY, self.0.wait()).await {
                return if ended?.success() { Ok(()) } else { Err("the sequencer failed".into()) };
            }
            let before = std::mem::replace(&mut settled, rollup::settled(data));
            if settled > before {
                since = Instant::now();
            } else if since.elapsed() > STALLED {
                return Err(format!("no batch was settled for {} s", STALLED.as_secs()).into());
            }
        }
        Ok(())
    }

    async fn until_ended(&mut self, data: &Path) -> Result<(), Failure> {
        self.until_settled(u64::MAX, data).await
    }
}

/// Prints what the server and the journal say in the end, and fails unless it is as it should be.
fn report(
    args: &Whole,
    jobs: &[ProofView],
    journal: &Journal,
    sequencers: u64,
) -> Result<(), Failure> {
    let Whole { batches, restarts, .. } = *args;
    let mut by_batch = BTreeMap::<&str, Vec<&ProofView>>::new();
    for job in jobs {
        by_batch.entry(job.tags.get("batch").map_or("", String::as_str)).or_default().push(job);
    }
    let once = |jobs: &Vec<&ProofView>| jobs.len() == 1 && jobs.iter().all(|job| is_charged(job));
    let proved_once = by_batch.values().filter(|jobs| once(jobs)).count() as u64;
    let in_order = journal.settled.iter().copied().eq(1..=batches);
    if args.json {
        let found = json!({
            "batches": batches, "proved_once": proved_once, "in_order": in_order,
            "restarts": restarts, "sequencers": sequencers, "jobs": jobs.len(),
        });
        println!("{found}");
    } else {
        println!("{proved_once} of {batches} batches proved once, in order: {in_order}");
        println!("{restarts} restarts of the server, {sequencers} sequencers, {} jobs", jobs.len());
    }
    let holds = proved_once == batches && jobs.len() as u64 == batches && in_order;
    if holds { Ok(()) } else { Err("not every batch was proved exactly once and in order".into()) }
}

fn is_charged(job: &ProofView) -> bool {
    let receipt = job.receipt.as_ref();
    job.state == JobState::Succeeded
        && receipt.is_some_and(|receipt| receipt.charge_nano_usd > NanoUsd::ZERO)
}
