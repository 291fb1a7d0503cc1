//! A world in memory and virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zkpool_jobs::{Claim, Jobs, NewJob, Ports, WitnessSource};
use zkpool_ledger::PriceBook;
use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
use zkpool_ports::{BlobStore, Queue, QueuePolicy, SeededRng, TimeOrderedIds, VirtualClock};
use zkpool_types::limits::{ATTEMPTS_MAX, NOTICE_RECEIVES_MAX};
use zkpool_types::{
    CircuitRef, Curve, DeviceClass, JobRequest, Outcome, ProjectId, ProofBody, ProofSystemKind,
    Secret, Sha256Digest, Usage,
};

pub(crate) struct World {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) ports: Ports,
    pub(crate) jobs: Jobs,
}

pub(crate) fn book() -> Arc<PriceBook> {
    Arc::new(PriceBook::builtin().unwrap())
}

pub(crate) fn world() -> World {
    world_of_seed(1)
}

pub(crate) fn world_of_seed(seed: u64) -> World {
    let clock = Arc::new(VirtualClock::new());
    let blobs = Arc::new(MemoryBlobs::new());
    let policy = QueuePolicy { receives_max: ATTEMPTS_MAX };
    let queue = Arc::new(MemoryQueue::new(policy, clock.clone()));
    let ports = ports_over(seed, &clock, blobs.clone(), queue.clone());
    let jobs = Jobs::new(ports.clone(), book());
    World { clock, blobs, queue, ports, jobs }
}

pub(crate) fn ports_over(
    seed: u64,
    clock: &Arc<VirtualClock>,
    blobs: Arc<dyn BlobStore>,
    queue: Arc<dyn Queue>,
) -> Ports {
    let rng = Arc::new(SeededRng::new(seed));
    let ids = Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone()));
    let policy = QueuePolicy { receives_max: NOTICE_RECEIVES_MAX };
    let notices = Arc::new(MemoryQueue::new(policy, clock.clone()));
    Ports { blobs, queue, notices, clock: clock.clone(), ids, rng }
}

pub(crate) fn project() -> ProjectId {
    "rollup".parse().unwrap()
}

pub(crate) fn circuit() -> CircuitRef {
    CircuitRef::of_key("transfer", &Sha256Digest::of(b"key")).unwrap()
}

pub(crate) fn new_job(key: &str) -> NewJob {
    let witness = Bytes::from(format!("witness of {key}"));
    NewJob {
        project: project(),
        idempotency_key: key.to_owned(),
        body_digest: Sha256Digest::of(&witness),
        circuit: circuit(),
        witness: WitnessSource::Inline(Secret::new(witness)),
        tags: BTreeMap::new(),
        deadline: None,
        price: None,
        trace: None,
    }
}

/// The stand-in for a proof: it names the witness it was made of.
pub(crate) fn proof(witness: &[u8]) -> ProofBody {
    ProofBody {
        proof_system: ProofSystemKind::Groth16,
        curve: Curve::Bn254,
        proof: serde_json::json!({ "witness": Sha256Digest::of(witness).to_string() }),
        public_inputs: vec!["1".to_owned()],
        development: false,
    }
}

pub(crate) fn verifies(request: &JobRequest, outcome: &Outcome) -> bool {
    let proof = outcome.proof.as_ref();
    proof.is_some_and(|proof| proof.proof["witness"] == request.witness.sha256.to_string())
}

pub(crate) fn cpu() -> DeviceClass {
    DeviceClass::new("cpu")
}

pub(crate) fn measured() -> Usage {
    Usage { fetch_us: 1_000, device_us: 250_000, ..Usage::default() }
}

impl World {
    pub(crate) async fn claim(&self) -> Claim {
        self.jobs.claim(Duration::ZERO).await.unwrap().unwrap()
    }

    pub(crate) async fn claims_nothing(&self) -> bool {
        self.jobs.claim(Duration::ZERO).await.unwrap().is_none()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn succeed(&self, claim: &Claim) -> zkpool_jobs::Commit {
        let witness = self.jobs.witness(claim).await;
        let proof = witness.map_or_else(|_| proof(b"gone"), |witness| proof(witness.expose()));
        self.jobs.succeed(claim, proof, cpu(), measured()).await.unwrap()
    }
}
