//! The pipeline: fetch the next job while one proves.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{
    AcquireError, Mutex, OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, watch,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};
use zkpool_jobs::{Claim, Commit, CommitError, Jobs, Ports, WitnessError};
use zkpool_ports::{BlobStore, Clock, Panicked, Rng, Threads};
use zkpool_types::{AttemptId, DeviceClass, ErrorCode, Failure, JobRequest, Stage, TraceParent};

use crate::attempt::{self, Fault, Verdict};
use crate::device::{Blinding, Device};
use crate::devices::{Devices, ReadyKey, Station};
use crate::evidence::{self, Evidence};
use crate::fetch::{FetchError, Fetcher, Inputs};
use crate::generators::GeneratorError;
use crate::health::Phase;
use crate::hold::Hold;
use crate::keys::KeyError;
use crate::meter::Meter;
use crate::protection::{self, HeldJob, HeldJobs, Protection};
use crate::settings::Settings;
use crate::shift::Shifts;
use crate::warm;

/// Times a commit is tried while storage does not answer. The proof is at hand, and a new attempt
/// costs as much again.
const COMMIT_TRIES: u32 = 3;

/// How long a stage lasts before it is shown. Nobody sees a shorter one, and a write of progress
/// right before the outcome would be part of what the disk makes durable with it.
const SHOW_AFTER: Duration = Duration::from_millis(50);

/// Longest time that keys are made ready before the first claim. A key that takes longer is
/// prepared for its job, as without a warm start.
const WARM_UP_MAX: Duration = Duration::from_secs(180);

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Proofs of the device could not be charged.
    #[error("expected a device of price book {price_book}, found {device}")]
    UnpricedDevice {
        /// The class of the device.
        device: DeviceClass,
        /// The version of the price book.
        price_book: String,
    },
}

/// A prover on one device.
#[derive(Debug)]
pub struct Worker {
    jobs: Jobs,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    fetcher: Fetcher,
    devices: Arc<Devices>,
    /// A permit for each lane of the device, which is kept also while an abandoned proof runs out.
    /// A proof on the CPU that stands in for the device takes all of them: it needs all cores.
    lanes_free: Arc<Semaphore>,
    blobs: Arc<dyn BlobStore>,
    held: HeldJobs,
    shifts: Shifts,
    protection: Option<Arc<dyn Protection>>,
    phase: watch::Sender<Phase>,
    settings: Settings,
}

/// A claimed job with everything that ends when the work on it ends.
struct Job {
    claim: Arc<Claim>,
    hold: Hold,
    meter: Arc<Meter>,
    span: Span,
    _reporting: AbortOnDropHandle<()>,
    _held: HeldJob,
}

impl Job {
    /// The claim, without anything that is still done about it: what the job showed last is deleted.
    fn let_go(self) -> Arc<Claim> {
        self.claim
    }
}

/// Why an attempt ended without a verdict.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    /// The device failed, and so did the CPU where the device is another.
    #[error("the device failed: {0}")]
    Device(#[from] Fault),
    /// The key cannot be had for the CPU.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The code that proves has a fault.
    #[error("proving failed: {0}")]
    Panicked(#[from] Panicked),
}

impl Worker {
    /// A worker over these ports that proves on `device`. Nothing runs yet.
    ///
    /// Whoever waits for a job on a clone of the same `jobs` hears of its end at once.
    ///
    /// # Errors
    /// The price book has no price for the class of the device.
    pub fn new(
        ports: Ports,
        jobs: Jobs,
        device: Arc<dyn Device>,
        settings: Settings,
    ) -> Result<Self, WorkerError> {
        if jobs.price_book().device_price(&device.class()).is_none() {
            let price_book = jobs.price_book().version();
            return Err(WorkerError::UnpricedDevice { device: device.class(), price_book });
        }
        let (prover, class) = (AttemptId::new(ports.ids.next()), device.class());
        let shifts =
            Shifts::begin(Arc::clone(&ports.blobs), Arc::clone(&ports.clock), prover, class);
        let devices = Arc::new(Devices::new(&ports, device, &settings));
        let fetcher = Fetcher::new(&ports, jobs.clone(), Arc::clone(&devices), &settings);
        let Ports { blobs, clock, rng, .. } = ports;
        let lanes_free = Arc::new(Semaphore::new(devices.lanes() as usize));
        let (held, protection) = (HeldJobs::new(), None);
        let phase = watch::Sender::new(Phase::Starting);
        Ok(Self {
            jobs,
            clock,
            rng,
            fetcher,
            devices,
            lanes_free,
            blobs,
            held,
            shifts,
            protection,
            phase,
            settings,
        })
    }

    /// The worker under a keeper that is told while it holds jobs.
    #[must_use]
    pub fn with_protection(self, protection: Arc<dyn Protection>) -> Self {
        Self { protection: Some(protection), ..self }
    }

    /// What the worker is doing, now and from now on.
    #[must_use]
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Proves until `stop` is cancelled.
    ///
    /// It then hands back what it holds, so that other provers see it at once, and returns. A proof
    /// that was being made runs out on its thread, unheeded.
    pub async fn run(&self, stop: CancellationToken) {
        if self.settings.warm_start {
            stop.run_until_cancelled(self.warm_up()).await;
        }
        self.phase.send_replace(Phase::Ready);
        // Room for one: a job is claimed when the one before it has gone to the device.
        let (ready, next) = mpsc::channel(1);
        let next = Mutex::new(next);
        let lanes = self.devices.lanes() as usize;
        // One more than there are turns writes an outcome down while the next job is proved.
        let turns = Semaphore::new(lanes);
        let proving = (0..=lanes).map(|_| self.prove_jobs(&next, &turns, &stop));
        let draining = async {
            stop.cancelled().await;
            self.phase.send_replace(Phase::Draining);
        };
        tokio::join!(
            self.fetch_jobs(ready, &stop),
            join_all(proving),
            self.sweep(&stop),
            self.keep_protected(&stop),
            self.shifts.keep(&stop),
            draining,
        );
    }

    /// Makes the keys ready that are asked for. What fails or takes too long is left to its job.
    async fn warm_up(&self) {
        let warming = async {
            match warm::circuits_asked_for(self.blobs.as_ref()).await {
                Ok(requests) => self.prepare(&requests).await,
                Err(error) => tracing::warn!(%error, "no key is made ready ahead"),
            }
        };
        tokio::select! {
            () = warming => {}
            () = self.clock.sleep(WARM_UP_MAX) => tracing::warn!("keys are not ready in time"),
        }
    }

    /// Makes the keys of these requests ready.
    async fn prepare(&self, requests: &[JobRequest]) {
        for request in requests {
            match self.fetcher.key(request).await {
                Ok(_) => tracing::info!(circuit = %request.circuit, "the key is ready"),
                Err(error) => {
                    tracing::warn!(circuit = %request.circuit, %error, "the key is not ready");
                }
            }
        }
    }

    /// Tells the keeper, where there is one, while jobs are held.
    async fn keep_protected(&self, stop: &CancellationToken) {
        if let Some(protection) = &self.protection {
            let (protection, clock) = (Arc::clone(protection), Arc::clone(&self.clock));
            protection::keep(protection, &self.held, clock, stop).await;
        }
    }

    /// Sweeps for lost messages, overdue jobs and dead letters, where that is this worker's work.
    async fn sweep(&self, stop: &CancellationToken) {
        let Some(every) = self.settings.sweep else { return };
        let pause = || stop.run_until_cancelled(self.clock.sleep(every));
        while !stop.is_cancelled() {
            let report = self.jobs.sweep().await;
            tracing::debug!(?report, "swept");
            pause().await;
        }
    }

    /// Claims and fetches one job after another and passes them on.
    async fn fetch_jobs(&self, ready: mpsc::Sender<(Job, Inputs)>, stop: &CancellationToken) {
        while let Some(Ok(room)) = stop.run_until_cancelled(ready.reserve()).await {
            if stop.is_cancelled() {
                return;
            }
            let Some(job) = self.claim(stop).await else { continue };
            let span = job.span.clone();
            if let Some(fetched) = self.fetch(job, stop).instrument(span).await {
                room.send(fetched);
            }
        }
    }

    /// Claims a job, if one comes before the wait is over or the worker stops.
    async fn claim(&self, stop: &CancellationToken) -> Option<Job> {
        match self.jobs.claim_unless(self.settings.claim_wait, stop.cancelled()).await {
            Ok(claim) => claim.map(|claim| self.hold(claim)),
            Err(error) => {
                tracing::warn!(%error, "no job could be claimed");
                stop.run_until_cancelled(self.clock.sleep(self.settings.outage_pause)).await;
                None
            }
        }
    }

    /// Begins to hold, to meter and to report on a claimed job.
    fn hold(&self, claim: Claim) -> Job {
        let attempt = claim.attempt.number;
        let trace = claim.request.trace.as_ref().map(TraceParent::trace_id);
        let span = tracing::info_span!("job", job = %claim.request.id, attempt, trace);
        let claim = Arc::new(claim);
        let (meter, mut stages) = Meter::new(Arc::clone(&self.clock));
        let (jobs, reported) = (self.jobs.clone(), Arc::clone(&claim));
        let clock = Arc::clone(&self.clock);
        let reporting = async move {
            // The claim itself showed the first stage.
            while stages.changed().await.is_ok() {
                clock.sleep(SHOW_AFTER).await;
                let stage = *stages.borrow_and_update();
                jobs.enter(&reported, stage).await;
            }
        };
        let (jobs, clock) = (self.jobs.clone(), Arc::clone(&self.clock));
        let _entered = span.enter();
        let hold = Hold::new(jobs, Arc::clone(&claim), clock, self.settings.heartbeat);
        let reporting = AbortOnDropHandle::new(tokio::spawn(reporting.in_current_span()));
        let (meter, span) = (Arc::new(meter), span.clone());
        Job { claim, hold, meter, span, _reporting: reporting, _held: self.held.add() }
    }

    /// Fetches what the job needs, unless it is lost or the worker stops first.
    async fn fetch(&self, job: Job, stop: &CancellationToken) -> Option<(Job, Inputs)> {
        let fetched = tokio::select! {
            biased;
            () = stop.cancelled() => {
                self.hand_back(job).await;
                return None;
            }
            () = job.hold.lost() => return None,
            fetched = self.fetcher.fetch(&job.claim) => fetched,
        };
        job.meter.pause();
        match fetched {
            Ok(inputs) => return Some((job, inputs)),
            Err(error) => self.not_fetched(job, &error).await,
        }
        None
    }

    /// Ends a job whose witness is not the one that was submitted, or whose generator is none;
    /// retries every other one.
    async fn not_fetched(&self, job: Job, error: &FetchError) {
        tracing::warn!(%error, "the job cannot be fetched");
        let failure = match error {
            FetchError::Witness(WitnessError::Altered { .. }) => {
                let detail = "the stored witness is not the one that was submitted".to_owned();
                Failure { code: ErrorCode::DigestMismatch, detail }
            }
            FetchError::Generator(GeneratorError::Refused(error)) => evidence::failure(error),
            _ => return self.retry_later(job).await,
        };
        self.publish(job, Verdict::NoWitness(failure)).await;
    }

    /// Proves the jobs that were fetched, one after the other, each when its turn has come.
    async fn prove_jobs(
        &self,
        next: &Mutex<mpsc::Receiver<(Job, Inputs)>>,
        turns: &Semaphore,
        stop: &CancellationToken,
    ) {
        while let Ok(turn) = turns.acquire().await {
            let Some((job, inputs)) = next.lock().await.recv().await else { return };
            let span = job.span.clone();
            self.prove(job, inputs, turn, stop).instrument(span).await;
        }
    }

    /// Proves one job, unless it is lost or the worker stops first. Its turn ends with the attempt:
    /// the next job does not wait until the outcome is durable.
    async fn prove(
        &self,
        job: Job,
        inputs: Inputs,
        turn: SemaphorePermit<'_>,
        stop: &CancellationToken,
    ) {
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return self.hand_back(job).await,
            () = job.hold.lost() => return self.abandon(job).await,
            ended = self.attempt(&job, inputs) => ended,
        };
        drop(turn);
        match ended {
            Ok(verdict) => self.publish(job, verdict).await,
            Err(error) => {
                tracing::error!(%error, "the attempt failed");
                self.retry_later(job).await;
            }
        }
    }

    /// Waits for the device and makes one attempt on it; where it may be at fault, makes another
    /// one on the CPU. Dropping this abandons the attempt, which keeps the device until it has run
    /// out.
    async fn attempt(&self, job: &Job, inputs: Inputs) -> Result<Verdict, AttemptError> {
        let Inputs { key, key_file, evidence } = inputs;
        let waited_for = Arc::clone(&key.station);
        let mut place = self.place_on(&waited_for).await;
        let key = self.devices.still_ready(key, &key_file).await?;
        if !Arc::ptr_eq(&waited_for, &key.station) {
            drop(place);
            place = self.place_on(&key.station).await;
        }
        let is_reference = key.station.is_reference();
        let (first, evidence, place) = self.run_on(key, evidence, job, place).await?;
        if is_reference {
            return Ok(first?);
        }
        match &first {
            Ok(verdict) if !verdict.may_be_the_device() => {
                self.devices.succeeded();
                return Ok(first?);
            }
            Ok(_) | Err(Fault::Json(_)) => {}
            Err(Fault::Device(error)) => self.devices.failed(error, &key_file),
        }
        drop(place);
        let key = self.devices.reference_key(&key_file).await?;
        let place = self.place_on(&key.station).await;
        let (second, ..) = self.run_on(key, evidence, job, place).await?;
        if first.is_ok() && matches!(second, Ok(Verdict::Proven(..))) {
            self.devices.computed_wrong();
            job.meter.note_failed_self_check();
        }
        Ok(second?)
    }

    /// Waits for a place on a device: a lane of the worker's own, or all of them for the CPU.
    async fn place_on(&self, station: &Station) -> Place {
        let lanes = if station.is_reference() { self.devices.lanes() } else { 1 };
        Arc::clone(&self.lanes_free).acquire_many_owned(lanes).await
    }

    /// Proves with this key and fresh randomness, as [`Run::start`].
    async fn run_on(
        &self,
        key: ReadyKey,
        evidence: Evidence,
        job: &Job,
        place: Place,
    ) -> Result<(Result<Verdict, Fault>, Evidence, Place), AttemptError> {
        let clock = Arc::clone(&self.clock);
        let run = Run { key, evidence, blinding: self.blinding(), clock };
        run.start(self.settings.threads.as_ref(), job, place).await
    }

    /// Randomness for one proof.
    fn blinding(&self) -> Blinding {
        let mut fresh = [0; 32];
        self.rng.fill(&mut fresh);
        Blinding::new(fresh)
    }

    /// Commits what an attempt ended with. Where storage does not answer, the same commit is
    /// tried again before the work is given up.
    async fn publish(&self, job: Job, verdict: Verdict) {
        let verified = self.clock.elapsed();
        for _ in 0..COMMIT_TRIES {
            match self.commit(&job, verdict.clone()).await {
                Ok(commit) => {
                    self.shifts.published(self.clock.elapsed().saturating_sub(verified));
                    return say_how_it_went(&commit);
                }
                Err(error) => tracing::warn!(%error, "the outcome cannot be published"),
            }
            self.clock.sleep(self.settings.outage_pause).await;
        }
        self.retry_later(job).await;
    }

    async fn commit(&self, job: &Job, verdict: Verdict) -> Result<Commit, CommitError> {
        let usage = job.meter.usage();
        match verdict {
            Verdict::Proven(proof, device) => {
                self.jobs.succeed(&job.claim, proof, device, usage).await
            }
            Verdict::Refused(failure) | Verdict::NoWitness(failure) => {
                self.jobs.fail(&job.claim, failure, job.meter.device(), usage).await
            }
        }
    }

    /// Records what was spent on a job that is no longer this worker's.
    async fn abandon(&self, job: Job) {
        tracing::info!("the work on the job is discarded");
        let (device, usage) = (job.meter.device(), job.meter.usage());
        if let Err(error) = self.jobs.abandon(&job.claim, device, usage).await {
            tracing::warn!(%error, "discarded work is not recorded");
        }
    }

    /// Leaves the job to a later attempt. This one counts.
    async fn retry_later(&self, job: Job) {
        let claim = job.let_go();
        if let Err(error) = self.jobs.retry_later(&claim).await {
            tracing::warn!(%error, "the job is retried when its visibility runs out");
        }
    }

    /// Makes the job visible to other provers at once. This attempt does not count.
    async fn hand_back(&self, job: Job) {
        let claim = job.let_go();
        match self.jobs.hand_back(&claim).await {
            Ok(()) => tracing::info!("the job was handed back"),
            Err(error) => tracing::warn!(%error, "the job is visible when its visibility runs out"),
        }
    }
}

/// What one run on a device takes.
struct Run {
    key: ReadyKey,
    evidence: Evidence,
    blinding: Blinding,
    clock: Arc<dyn Clock>,
}

/// The right to the device, which is kept for as long as anything runs on it.
type Place = Result<OwnedSemaphorePermit, AcquireError>;

impl Run {
    /// Proves on a thread of its own. Verdict and place come back, and the witness, or whatever it
    /// cannot be made of.
    async fn start(
        self,
        threads: &dyn Threads,
        job: &Job,
        place: Place,
    ) -> Result<(Result<Verdict, Fault>, Evidence, Place), AttemptError> {
        let (meter, span) = (Arc::clone(&job.meter), job.span.clone());
        meter.begin(self.key.station.named(), self.key.station.charged());
        let running = threads.call(move || {
            let (verdict, evidence) = span.in_scope(|| self.prove(&meter));
            meter.enter(Stage::Publishing);
            (verdict, evidence, place)
        });
        Ok(running.await?)
    }

    /// Makes the witness and the proof. It blocks its thread.
    fn prove(self, meter: &Meter) -> (Result<Verdict, Fault>, Evidence) {
        let Self { key: ReadyKey { key, station }, evidence, blinding, clock } = self;
        meter.enter(Stage::Witness);
        let witness = match evidence.witness(clock.as_ref()) {
            Ok(witness) => witness,
            Err(failure) => return (Ok(Verdict::NoWitness(failure)), evidence),
        };
        let verdict = attempt::run(key.as_ref(), &station.named(), &witness, blinding, meter);
        (verdict, Evidence::Witness(witness))
    }
}

fn say_how_it_went(commit: &Commit) {
    match commit {
        Commit::Won(outcome) => tracing::info!(state = %outcome.state, "the job ended"),
        Commit::Lost(outcome) => tracing::info!(state = %outcome.state, "it had ended before"),
        Commit::Outdated => tracing::warn!("the job was given to another prover before"),
    }
}
