//! From an attempt's own measurements to the receipt of a job.

use zkpool_ledger::{PriceBook, ReceiptError, ReceiptInput, RequestCount, receipt};
use zkpool_types::limits::HEARTBEAT_S;
use zkpool_types::{
    Attempt, CircuitManifest, Defect, Failure, JobRequest, JobState, Outcome, ProofBody,
    ProvingDevice, Receipt, Timestamp, Usage, Waste,
};

use crate::{Claim, Jobs};

/// What becomes of a witness. The deletion follows the outcome at once, and the sweeper repeats
/// it should a crash come between.
const WITNESS_RETENTION: &str = "deleted after this outcome";

/// Writes that a job costs whatever happens: idempotency record, witness, request, outcome.
const WRITES_PER_JOB: u64 = 4;

/// Progress writes of an attempt: one a stage.
const WRITES_PER_ATTEMPT: u64 = 6;

/// Reads of an attempt: request, outcome, witness.
const READS_PER_ATTEMPT: u64 = 3;

/// Queue requests that a job costs whatever happens: send and delete.
const QUEUE_REQUESTS_PER_JOB: u64 = 2;

/// Queue requests of an attempt besides heartbeats: receive, hold, and the fence before the commit.
const QUEUE_REQUESTS_PER_ATTEMPT: u64 = 3;

/// Bytes of one value of a witness.
const WITNESS_VALUE_BYTES: u64 = 32;

/// Bytes of a published proof without its public inputs, in JSON.
const PROOF_BYTES: u64 = 900;

/// Bytes of one public input in JSON: a number of at most 77 digits with its quotes and comma.
const PUBLIC_INPUT_BYTES: u64 = 80;

/// Microseconds between heartbeats.
const HEARTBEAT_US: u64 = HEARTBEAT_S * 1_000_000;

/// How a job ends, before it is priced.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) state: JobState,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) proof: Option<ProofBody>,
    pub(crate) failure: Option<Failure>,
    pub(crate) device: Option<ProvingDevice>,
    pub(crate) usage: Usage,
}

impl Ending {
    /// An end that no prover had a part in.
    pub(crate) fn unattended(state: JobState, attempts: u32) -> Self {
        let usage = Usage { attempts, ..Usage::default() };
        Self { state, attempt: None, proof: None, failure: None, device: None, usage }
    }
}

/// The requests made for a job of this many attempts, the last of which took `held_us`. Counted
/// by this schedule and not by hand, so that the same work always costs the same.
fn requests(attempts: u32, held_us: u64) -> RequestCount {
    let attempts = u64::from(attempts);
    let heartbeats = held_us / HEARTBEAT_US;
    RequestCount {
        writes: WRITES_PER_JOB + WRITES_PER_ATTEMPT * attempts,
        reads: READS_PER_ATTEMPT * attempts,
        queue_requests: QUEUE_REQUESTS_PER_JOB + QUEUE_REQUESTS_PER_ATTEMPT * attempts + heartbeats,
    }
}

/// The usage with these requests.
fn counted(book: &PriceBook, count: RequestCount, usage: Usage) -> Usage {
    let RequestCount { writes, reads, queue_requests } = count;
    Usage {
        requests: book.request_units(count),
        storage_writes: writes,
        storage_reads: reads,
        queue_requests,
        ..usage
    }
}

/// What a proof of this circuit is expected to use that takes `device_us` of a device's time, at
/// the first attempt and without waiting.
#[must_use]
pub fn expected_usage(book: &PriceBook, circuit: &CircuitManifest, device_us: u64) -> Usage {
    let usage = Usage {
        device_us,
        witness_bytes: circuit.variables.saturating_mul(WITNESS_VALUE_BYTES),
        proof_bytes: PROOF_BYTES
            .saturating_add(circuit.public_inputs.saturating_mul(PUBLIC_INPUT_BYTES)),
        attempts: 1,
        ..Usage::default()
    };
    counted(book, requests(1, device_us), usage)
}

/// Whole microseconds from `start` to `end`, zero where the clock went backwards.
fn us_between(start: Timestamp, end: Timestamp) -> u64 {
    u64::try_from(end.duration_since(start).as_micros()).unwrap_or(0)
}

impl Jobs {
    /// The usage of a claim: what the prover measured, and what only the job's records know.
    pub(crate) fn metered(&self, claim: &Claim, proof_bytes: u64, measured: Usage) -> Usage {
        let attempts = claim.attempt.number;
        let held_us = measured.fetch_us.saturating_add(measured.device_us);
        Usage {
            queue_us: us_between(claim.request.accepted_at, claim.claimed_at),
            witness_bytes: claim.request.witness.size,
            proof_bytes,
            attempts,
            ..counted(&self.price_book, requests(attempts, held_us), measured)
        }
    }

    /// The outcome that ends `request` now, with its receipt.
    pub(crate) fn price(
        &self,
        request: &JobRequest,
        ending: Ending,
    ) -> Result<Outcome, ReceiptError> {
        let Ending { state, attempt, proof, failure, device, mut usage } = ending;
        let now = self.ports.clock.now();
        if attempt.is_none() {
            usage.queue_us = us_between(request.accepted_at, now);
            usage.witness_bytes = request.witness.size;
            usage = counted(&self.price_book, requests(usage.attempts, 0), usage);
        }
        let charged = state == JobState::Succeeded || Defect::ChargesFailures.is_planted();
        let development = proof.as_ref().is_some_and(|proof| proof.development);
        let receipt = self.receipt(request, device, usage, charged, development)?;
        Ok(Outcome {
            job: request.id,
            project: request.project.clone(),
            attempt,
            state,
            finished_at: now,
            proof,
            failure,
            receipt,
        })
    }

    /// What an attempt used that ends nothing.
    pub(crate) fn waste(
        &self,
        claim: &Claim,
        device: Option<ProvingDevice>,
        usage: Usage,
    ) -> Result<Waste, ReceiptError> {
        let charged = Defect::ChargesWaste.is_planted();
        let receipt = self.receipt(&claim.request, device, usage, charged, false)?;
        Ok(Waste { attempt: claim.attempt, recorded_at: self.ports.clock.now(), receipt })
    }

    fn receipt(
        &self,
        request: &JobRequest,
        device: Option<ProvingDevice>,
        usage: Usage,
        charged: bool,
        development: bool,
    ) -> Result<Receipt, ReceiptError> {
        let (device, device_name) =
            device.map_or((None, None), |device| (Some(device.class), device.name));
        let input = ReceiptInput {
            job: request.id,
            project: request.project.clone(),
            circuit: request.circuit.clone(),
            device,
            device_name,
            usage,
            agreed: request.price.clone(),
            charged,
            development,
            witness_retention: WITNESS_RETENTION.to_owned(),
        };
        receipt(&self.price_book, input)
    }
}
