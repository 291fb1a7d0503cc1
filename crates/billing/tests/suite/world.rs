//! A world in memory and virtual time, whose storage fails for roll-ups alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zkpool_billing::{BillingError, Costs, Performance};
use zkpool_jobs::{Claim, Jobs, NewJob, Ports, WitnessSource};
use zkpool_ledger::PriceBook;
use zkpool_ports::faulty::{FaultPlan, Faults, FaultyBlobs};
use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
use zkpool_ports::{BlobStore, QueuePolicy, SeededRng, TimeOrderedIds, VirtualClock};
use zkpool_types::limits::ATTEMPTS_MAX;
use zkpool_types::{
    CircuitRef, Correction, CostQuery, CostReport, Curve, DeviceClass, Dimension, JobId,
    MakeCorrection, Outcome, ProjectId, ProofBody, ProofSystemKind, Secret, Sha256Digest, Usage,
    Waste,
};

pub(crate) struct World {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) jobs: Jobs,
    pub(crate) costs: Costs,
    pub(crate) performance: Performance,
    /// The same costs over storage of which one call in eight fails.
    pub(crate) shaky: Costs,
    submitted: u32,
}

pub(crate) fn project() -> ProjectId {
    "acme".parse().unwrap()
}

/// Names of the circuits that proofs are made of.
pub(crate) const CIRCUITS: [&str; 3] = ["transfer", "swap", "vote"];

pub(crate) fn circuit(name: &str) -> CircuitRef {
    CircuitRef::of_key(name, &Sha256Digest::of(b"key")).unwrap()
}

/// What was charged and wasted by the records themselves, in nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) charge: i64,
    pub(crate) corrections: i64,
    pub(crate) waste: i64,
    pub(crate) proofs: u64,
    pub(crate) failures: u64,
    pub(crate) wasted_attempts: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let clock = Arc::new(VirtualClock::new());
        let blobs = Arc::new(MemoryBlobs::new());
        let policy = QueuePolicy { receives_max: ATTEMPTS_MAX };
        let queue = Arc::new(MemoryQueue::new(policy.clone(), clock.clone()));
        let notices = Arc::new(MemoryQueue::new(policy, clock.clone()));
        let rng = Arc::new(SeededRng::new(seed));
        let ids = Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone()));
        let ports = Ports { blobs: blobs.clone(), queue, notices, clock: clock.clone(), ids, rng };
        let faults =
            Faults { refused_per_mille: 60, applied_but_failed_per_mille: 60, ..Faults::default() };
        let plan = Arc::new(FaultPlan::new(faults, Arc::new(SeededRng::new(seed ^ 1))));
        let faulty: Arc<dyn BlobStore> = Arc::new(FaultyBlobs::new(blobs.clone(), plan));
        let shaky = Costs::new(Ports { blobs: faulty, ..ports.clone() });
        let jobs = Jobs::new(ports.clone(), Arc::new(PriceBook::builtin().unwrap()));
        let performance = Performance::new(ports.clone(), jobs.clone());
        Self { clock, blobs, jobs, costs: Costs::new(ports), performance, shaky, submitted: 0 }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn submit(&mut self, label: u8) -> JobId {
        self.submitted += 1;
        let witness = Bytes::from(format!("witness {}", self.submitted));
        let name = CIRCUITS[usize::from(label % 3)];
        let tags = match label % 4 {
            0 => BTreeMap::new(),
            label => BTreeMap::from([
                ("cost-center".to_owned(), format!("cc-{label}")),
                ("team".to_owned(), "a, \"b\"\u{1f}".to_owned()),
            ]),
        };
        let new = NewJob {
            project: project(),
            idempotency_key: format!("key {}", self.submitted),
            body_digest: Sha256Digest::of(&witness),
            circuit: circuit(name),
            witness: WitnessSource::Inline(Secret::new(witness)),
            tags,
            deadline: None,
            trace: None,
            price: None,
        };
        self.jobs.submit(new).await.unwrap().request.id
    }

    pub(crate) async fn claim(&self) -> Option<Claim> {
        self.jobs.claim(Duration::ZERO).await.unwrap()
    }

    pub(crate) async fn succeed(&self, claim: &Claim, device_us: u64) {
        self.jobs.succeed(claim, proof(), device(device_us), measured(device_us)).await.unwrap();
    }

    /// A proof that was made.
    pub(crate) async fn prove(&mut self, label: u8, device_us: u64) -> JobId {
        let job = self.submit(label).await;
        let claim = self.claim().await.unwrap();
        self.succeed(&claim, device_us).await;
        job
    }

    pub(crate) async fn correct(
        &self,
        job: JobId,
        charge_nano_usd: i64,
    ) -> Result<Correction, BillingError> {
        let reason = "agreed by telephone".to_owned();
        let asked = MakeCorrection { project: project(), job, charge_nano_usd, reason };
        self.costs.correct(&asked).await
    }

    pub(crate) async fn report(&self, group_by: &[Dimension]) -> CostReport {
        self.report_of(&self.costs, "2025-12-01", "2029-12-31", group_by).await
    }

    pub(crate) async fn report_of(
        &self,
        costs: &Costs,
        from: &str,
        to: &str,
        group_by: &[Dimension],
    ) -> CostReport {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let query = CostQuery { from, to, group_by: group_by.to_vec() };
        costs.report(&project(), &query).await.unwrap()
    }

    /// The sum of every receipt and correction in storage, read one by one.
    pub(crate) async fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        for key in self.blobs.list("", None, usize::MAX).await.unwrap() {
            let (text, read) = (key.as_str(), self.blobs.get(&key, u64::MAX));
            if text.ends_with("/outcome.json") {
                let outcome: Outcome = serde_json::from_slice(&read.await.unwrap()).unwrap();
                truth.charge += amount(outcome.receipt.charge_nano_usd.get());
                truth.waste += amount(outcome.receipt.waste_nano_usd.get());
                truth.proofs += u64::from(outcome.receipt.charged);
                truth.failures += u64::from(!outcome.receipt.charged);
            } else if text.contains("/waste/") && text.starts_with("jobs/") {
                let waste: Waste = serde_json::from_slice(&read.await.unwrap()).unwrap();
                let job = waste.receipt.job;
                let ended = format!("jobs/{}/{job}/outcome.json", project());
                let ended = zkpool_ports::BlobKey::new(ended).unwrap();
                // What a job wasted is known when the job has ended.
                if self.blobs.head(&ended).await.unwrap().is_some() {
                    truth.waste += amount(waste.receipt.waste_nano_usd.get());
                    truth.wasted_attempts += 1;
                }
            } else if text.starts_with("corrections/") {
                let made: Correction = serde_json::from_slice(&read.await.unwrap()).unwrap();
                truth.charge += made.charge_nano_usd;
                truth.corrections += made.charge_nano_usd;
            }
        }
        truth
    }
}

fn amount(nano_usd: u64) -> i64 {
    i64::try_from(nano_usd).unwrap()
}

pub(crate) fn device(device_us: u64) -> DeviceClass {
    DeviceClass::new(if device_us.is_multiple_of(2) { "cpu" } else { "nvidia-l4" })
}

pub(crate) fn measured(device_us: u64) -> Usage {
    Usage { fetch_us: 7, msm_us: device_us, device_us, ..Usage::default() }
}

pub(crate) fn proof() -> ProofBody {
    ProofBody {
        proof_system: ProofSystemKind::Groth16,
        curve: Curve::Bn254,
        proof: serde_json::json!({}),
        public_inputs: vec!["1".to_owned()],
        development: false,
    }
}

/// What a report says, in the words of [`Truth`].
pub(crate) fn told(report: &CostReport) -> Truth {
    Truth {
        charge: report.total.charge_nano_usd,
        corrections: report.total.corrections_nano_usd,
        waste: report.total.waste_nano_usd,
        proofs: report.total.proofs,
        failures: report.total.failures,
        wasted_attempts: report.total.wasted_attempts,
    }
}
