//! The sequencer: blocks in, settled batches out.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Interval, interval};
use zkpool_sdk::{Client, Proof, ProofRequest, Retries, Submission};

use crate::common::Failure;
use crate::journal::{Journal, Writer};

/// Time from one block to the next.
const BLOCK_TIME: Duration = Duration::from_millis(200);

/// Batches that come with the circuit; after the last one, the chain begins again.
const WITNESSES: u64 = 8;

#[derive(Args)]
pub(crate) struct RunArgs {
    #[arg(long)]
    server: String,
    #[arg(long, env = "ZKPOOL_API_KEY", hide_env_values = true)]
    key: String,
    #[arg(long)]
    circuit: String,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    batches: u64,
    #[arg(long)]
    window: usize,
}

/// Proves and settles every batch that is not settled yet.
pub(crate) async fn run(args: &RunArgs) -> Result<(), Failure> {
    let journal = Journal::read(&args.data)?;
    let writer = journal.writer(&args.data)?;
    let client = Client::builder(args.key.as_str())
        .server(args.server.as_str())
        .accept_development_keys()
        // A server that restarts is back within a minute.
        .retries(Retries { attempts_max: 30, ..Retries::default() })
        .build()?;
    let next = journal.settled.last().map_or(1, |last| last + 1);
    let mut settlement = Settlement::after(&args.data, next)?;
    let submissions = submissions(args, &client, &journal, &writer, next);
    let proofs = submissions
        .map(|submission| async { Ok::<_, Failure>(client.prove(submission?).await?) })
        .buffered(args.window);
    let mut proofs = pin!(proofs.zip(stream::iter(next..)));
    while let Some((proof, batch)) = proofs.next().await {
        let proof = proof?;
        settlement.settle(batch, &proof)?;
        writer.settled(batch, proof.id()).await?;
    }
    Ok(())
}

/// The submissions of the batches from `next` on: those of an earlier life as they are in the
/// journal, and new ones as blocks arrive, once they are in it.
fn submissions<'a>(
    args: &'a RunArgs,
    client: &'a Client,
    journal: &'a Journal,
    writer: &'a Writer,
    next: u64,
) -> impl Stream<Item = Result<Submission, Failure>> + 'a {
    let blocks = (next, interval(BLOCK_TIME));
    stream::unfold(blocks, async move |(batch, mut blocks): (u64, Interval)| {
        if batch > args.batches {
            return None;
        }
        let submission = match journal.submissions.get(&batch) {
            Some(stored) => Ok(stored.clone()),
            None => {
                blocks.tick().await;
                prepare(client, &args.circuit, writer, batch).await
            }
        };
        Some((submission, (batch + 1, blocks)))
    })
}

async fn prepare(
    client: &Client,
    circuit: &str,
    writer: &Writer,
    batch: u64,
) -> Result<Submission, Failure> {
    let request = ProofRequest::file(circuit, witness(batch)).tag("batch", batch.to_string());
    let submission = client.prepare(request).await?;
    writer.submission(batch, &submission).await?;
    Ok(submission)
}

fn witness(batch: u64) -> PathBuf {
    let batches =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../circuits/rollup/artifacts/batches");
    batches.join(format!("{}.wtns", (batch - 1) % WITNESSES + 1))
}

/// How many batches are settled, as whoever watches the chain sees it.
pub(crate) fn settled(data: &Path) -> u64 {
    std::fs::read_dir(calls(data)).map_or(0, |calls| calls.count() as u64)
}

/// Where the calls of the verifier are written.
fn calls(data: &Path) -> PathBuf {
    data.join("calldata")
}

/// What would be on chain: the state root, and a call of the verifier for each batch.
struct Settlement {
    calls: PathBuf,
    next: u64,
    root: Option<String>,
}

impl Settlement {
    /// Goes on with batch `next`. The root before it is known from the batch's own proof on, as a
    /// contract would know it from its storage.
    fn after(data: &Path, next: u64) -> Result<Self, Failure> {
        let calls = calls(data);
        std::fs::create_dir_all(&calls)?;
        Ok(Self { calls, next, root: None })
    }

    /// Takes the proof of a batch, if that goes on where the batch before it ended.
    ///
    /// That a proof verifies says that *some* statement holds. This is where it is held against the
    /// one that was wanted.
    fn settle(&mut self, batch: u64, proof: &Proof) -> Result<(), Failure> {
        let [old_root, new_root, _batch_hash] = proof.public_inputs() else {
            return Err("expected three public inputs".into());
        };
        let begins = (batch - 1).is_multiple_of(WITNESSES);
        let follows = begins || self.root.as_ref().is_none_or(|root| root == old_root);
        if batch != self.next || !follows {
            return Err(format!("batch {batch} does not follow the one before it").into());
        }
        let call = self.calls.join(format!("batch-{batch:06}.txt"));
        std::fs::write(call, proof.calldata()?)?;
        self.root = Some(new_root.clone());
        self.next += 1;
        Ok(())
    }
}
