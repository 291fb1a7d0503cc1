//! A pool in memory with one registered circuit, and devices that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Blinding, Device, Meter, PreparedKey, Settings, Worker, cpu};
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zkpool_circuit_files::{AnyProvingKey, AnyWitness};
use zkpool_gpu::GpuError;
use zkpool_jobs::{Circuits, Jobs, NewJob, Ports, WitnessSource, keys};
use zkpool_ledger::PriceBook;
use zkpool_ports::faulty::{FaultPlan, Faults, FaultyBlobs};
use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
use zkpool_ports::{Clock, QueuePolicy, SeededRng, SystemClock, TimeOrderedIds, VirtualClock};
use zkpool_snark::{DeviceError, ProveError};
use zkpool_types::api::ProofView;
use zkpool_types::limits::ATTEMPTS_MAX;
use zkpool_types::{
    ArtifactRef, CircuitManifest, CircuitRef, Curve, DeviceClass, JobId, ProjectId, ProofBody,
    ProofSystemKind, Secret, Sha256Digest,
};

pub(crate) const KEY: &[u8] = include_bytes!("../../../../tests/fixtures/bn128/multiplier.zkey");
pub(crate) const WITNESS: &[u8] =
    include_bytes!("../../../../tests/fixtures/bn128/multiplier.wtns");

/// Longest real time that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Pool {
    pub(crate) ports: Ports,
    pub(crate) jobs: Jobs,
    pub(crate) project: ProjectId,
    circuit: CircuitRef,
    cache: tempfile::TempDir,
}

impl Pool {
    pub(crate) async fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock::new())).await
    }

    /// A pool whose time runs a hundred times as fast.
    pub(crate) async fn hurried() -> Self {
        let clock = Arc::new(VirtualClock::new());
        let hurried = Arc::clone(&clock);
        tokio::spawn(async move {
            let real = SystemClock::new();
            loop {
                real.sleep(Duration::from_millis(1)).await;
                hurried.advance(Duration::from_millis(100));
            }
        });
        Self::with_clock(clock).await
    }

    async fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let rng = Arc::new(SeededRng::new(7));
        let policy = QueuePolicy { receives_max: ATTEMPTS_MAX };
        let ports = Ports {
            blobs: Arc::new(MemoryBlobs::new()),
            queue: Arc::new(MemoryQueue::new(policy.clone(), Arc::clone(&clock))),
            notices: Arc::new(MemoryQueue::new(policy, Arc::clone(&clock))),
            ids: Arc::new(TimeOrderedIds::new(Arc::clone(&clock), rng.clone())),
            clock,
            rng,
        };
        let project: ProjectId = "test".parse().unwrap();
        let circuit = register(&ports, &project, "multiplier", None).await;
        let jobs = Jobs::new(ports.clone(), price_book());
        Self { ports, jobs, project, circuit, cache: tempfile::tempdir().unwrap() }
    }

    /// The pool with another circuit, that of the same key with a witness generator.
    pub(crate) async fn with_generator(self, module: &[u8]) -> Self {
        let circuit = register(&self.ports, &self.project, "generated", Some(module)).await;
        Self { circuit, ..self }
    }

    /// The pool over storage whose writes can be made to wait.
    pub(crate) fn stalling(mut self) -> (Self, Arc<FaultPlan>) {
        let plan = Arc::new(FaultPlan::new(Faults::default(), Arc::clone(&self.ports.rng)));
        self.ports.blobs = Arc::new(FaultyBlobs::new(self.ports.blobs, Arc::clone(&plan)));
        self.jobs = Jobs::new(self.ports.clone(), price_book());
        (self, plan)
    }

    pub(crate) async fn submit(&self, witness: &[u8]) -> JobId {
        self.submit_source(WitnessSource::Inline(secret(witness))).await
    }

    pub(crate) async fn submit_inputs(&self, json: &str) -> JobId {
        self.submit_source(WitnessSource::Inputs(secret(json.as_bytes()))).await
    }

    async fn submit_source(&self, witness: WitnessSource) -> JobId {
        let id = self.ports.ids.next().to_string();
        let new = NewJob {
            project: self.project.clone(),
            body_digest: Sha256Digest::of(id.as_bytes()),
            idempotency_key: id,
            circuit: self.circuit.clone(),
            witness,
            tags: [].into(),
            deadline: None,
            price: None,
            trace: None,
        };
        self.jobs.submit(new).await.unwrap().request.id
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            claim_wait: Duration::from_millis(50),
            heartbeat: Duration::from_millis(50),
            ..Settings::new(self.cache.path())
        }
    }

    pub(crate) fn worker(&self, device: impl Device + 'static, settings: Settings) -> Worker {
        Worker::new(self.ports.clone(), self.jobs.clone(), Arc::new(device), settings).unwrap()
    }

    pub(crate) fn start(&self, device: impl Device + 'static) -> Running {
        Running::of(self.worker(device, self.settings()))
    }
    /// The job once it has ended.
    pub(crate) async fn ended(&self, job: JobId) -> ProofView {
        self.until(job, |view| view.state.is_terminal()).await
    }

    /// The job once `condition` holds for it.
    pub(crate) async fn until(
        &self,
        job: JobId,
        condition: impl Fn(&ProofView) -> bool,
    ) -> ProofView {
        let looking = async {
            loop {
                let view = self.view(job).await;
                if condition(&view) {
                    return view;
                }
                SystemClock::new().sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("the job never came so far")
    }

    pub(crate) async fn view(&self, job: JobId) -> ProofView {
        self.jobs.view(&self.project, job).await.unwrap()
    }
}

pub(crate) struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    /// Runs a worker.
    pub(crate) fn of(worker: Worker) -> Self {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        Self { task: tokio::spawn(async move { worker.run(stopping).await }), stop }
    }

    /// Asks the worker to stop and returns how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let clock = SystemClock::new();
        let start = clock.elapsed();
        self.stop.cancel();
        self.task.await.unwrap();
        clock.elapsed() - start
    }
}

pub(crate) fn price_book() -> Arc<PriceBook> {
    Arc::new(PriceBook::builtin().unwrap())
}

fn secret(bytes: &[u8]) -> Secret<Bytes> {
    Secret::new(Bytes::copy_from_slice(bytes))
}

async fn store(ports: &Ports, bytes: &[u8]) -> ArtifactRef {
    let sha256 = Sha256Digest::of(bytes);
    ports.blobs.put_once(&keys::artifact(&sha256), Bytes::copy_from_slice(bytes)).await.unwrap();
    ArtifactRef { sha256, size: bytes.len() as u64 }
}

async fn register(
    ports: &Ports,
    project: &ProjectId,
    name: &str,
    module: Option<&[u8]>,
) -> CircuitRef {
    let proving_key = store(ports, KEY).await;
    let generator = match module {
        Some(module) => Some(store(ports, module).await),
        None => None,
    };
    let circuit = CircuitRef::of_key(name, &proving_key.sha256).unwrap();
    let manifest = CircuitManifest {
        project: project.clone(),
        circuit: circuit.clone(),
        proof_system: ProofSystemKind::Groth16,
        curve: Curve::Bn254,
        proving_key,
        verification_key: proving_key,
        generator,
        domain_size: 8,
        variables: 25,
        public_inputs: 3,
        development: false,
        created_at: ports.clock.now(),
    };
    Circuits::new(ports.clone()).register(manifest).await.unwrap();
    circuit
}

type Twist = Arc<dyn Fn(ProofBody) -> Result<ProofBody, ProveError> + Send + Sync>;

/// The CPU under the name of a GPU, with something done to each proof.
#[derive(Clone)]
pub(crate) struct Odd {
    twist: Twist,
    lanes: u32,
}

impl Odd {
    pub(crate) fn new(
        twist: impl Fn(ProofBody) -> Result<ProofBody, ProveError> + Send + Sync + 'static,
    ) -> Self {
        Self { twist: Arc::new(twist), lanes: 1 }
    }

    pub(crate) fn with_lanes(self, lanes: u32) -> Self {
        Self { lanes, ..self }
    }
}

impl std::fmt::Debug for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Odd")
    }
}

impl Device for Odd {
    fn class(&self) -> DeviceClass {
        DeviceClass::new("nvidia-l4")
    }

    fn name(&self) -> String {
        "Odd".to_owned()
    }

    fn lanes(&self) -> u32 {
        self.lanes
    }

    fn is_reference(&self) -> bool {
        false
    }

    fn prepare(&self, key: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Ok(Arc::new(OddKey { key: cpu().prepare(key)?, twist: self.clone() }))
    }
}

#[derive(Debug)]
struct OddKey {
    key: Arc<dyn PreparedKey>,
    twist: Odd,
}

impl PreparedKey for OddKey {
    fn bytes(&self) -> u64 {
        self.key.bytes()
    }

    fn prove(
        &self,
        witness: &AnyWitness,
        blinding: Blinding,
        meter: &Meter,
    ) -> Result<ProofBody, ProveError> {
        (self.twist.twist)(self.key.prove(witness, blinding, meter)?)
    }
}

/// A device that takes no key.
#[derive(Debug)]
pub(crate) struct Refusing {
    pub(crate) why: fn() -> GpuError,
    pub(crate) asked: Arc<AtomicU32>,
}

impl Device for Refusing {
    fn class(&self) -> DeviceClass {
        DeviceClass::new("nvidia-l4")
    }

    fn name(&self) -> String {
        "Refusing".to_owned()
    }

    fn is_reference(&self) -> bool {
        false
    }

    fn prepare(&self, _: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Err(failed((self.why)()))
    }
}

/// What a prover says when its GPU fails.
pub(crate) fn failed(error: GpuError) -> ProveError {
    DeviceError::from(error).into()
}

/// A device that blocks in its first proof until it is let go.
pub(crate) fn blocking() -> (impl Device, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let device = Odd::new(move |proof| {
        inside.pass();
        Ok(proof)
    });
    (device, gate)
}

#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) open: CancellationToken,
    pub(crate) proofs: AtomicU32,
}

impl Gate {
    /// Begins a proof and blocks until the gate is open.
    pub(crate) fn pass(&self) {
        self.proofs.fetch_add(1, Ordering::SeqCst);
        while !self.open.is_cancelled() {
            std::thread::yield_now();
        }
    }

    /// Waits until the device has begun `count` proofs.
    pub(crate) async fn begun(&self, count: u32) {
        let waiting = async {
            while self.proofs.load(Ordering::SeqCst) < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the device never began");
    }
}

/// The fixture's witness with its last value, which is private, increased by one.
pub(crate) fn unsatisfied() -> Vec<u8> {
    let mut witness = WITNESS.to_vec();
    let last_value = witness.len() - 32;
    witness[last_value] = witness[last_value].wrapping_add(1);
    witness
}
