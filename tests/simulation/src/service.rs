//! The service: functions, provers, sweepers and roll-ups, each on a machine of its own.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use zkpool_billing::Costs;
use zkpool_functions::{Context, Settings, budgets, complete, proofs, uploads, webhooks};
use zkpool_jobs::{Jobs, Ports};
use zkpool_ledger::PriceBook;
use zkpool_ports::memory::MemoryBlobs;
use zkpool_ports::{Clock, SeededRng, Threads, TimeOrderedIds};
use zkpool_worker::Worker;

use crate::blobs::{Blobs, Store};
use crate::laws::Laws;
use crate::machine::Machine;
use crate::queue::{Exchange, MachineQueue};
use crate::receivers::Receivers;
use crate::reckoning::close_month;
use crate::toy::ToyDevice;
use crate::universe::{Universe, lock};

/// Time between sweeps of a sweeper of its own.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Longest wait of a prover for a message, as on SQS.
const CLAIM_WAIT: Duration = Duration::from_secs(20);

/// What every run shares: files and prices, which never change.
#[derive(Clone, Debug)]
pub(crate) struct Fixtures {
    /// A proving key. Nothing is proven with it.
    pub(crate) key_file: PathBuf,
    /// Where provers keep its prepared form.
    pub(crate) cache_dir: PathBuf,
    pub(crate) book: Arc<PriceBook>,
}

/// What the machines of one run share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) universe: Arc<Universe>,
    pub(crate) laws: Arc<Laws>,
    pub(crate) fixtures: Fixtures,
    store: Arc<Store>,
    exchange: Arc<Exchange>,
    notices: Arc<Exchange>,
    pub(crate) receivers: Arc<Receivers>,
    /// Cancelled when every job has ended after the last fault.
    pub(crate) settled: CancellationToken,
    /// Cancelled when everything has ended and been told. Machines stop then.
    pub(crate) closing: CancellationToken,
}

impl Service {
    pub(crate) fn new(universe: &Arc<Universe>, fixtures: &Fixtures) -> Arc<Self> {
        let laws = Laws::new(universe, Arc::clone(&fixtures.book));
        let key_file = fixtures.key_file.clone();
        let store = Store { blobs: MemoryBlobs::new(), laws: Arc::clone(&laws), key_file };
        let exchange = Exchange::of_jobs(Machine::new("queue", universe), &laws);
        let notices = Exchange::of_notices(Machine::new("notices", universe));
        let receivers = Receivers::new(&laws);
        Arc::new(Self {
            universe: Arc::clone(universe),
            laws,
            fixtures: fixtures.clone(),
            store: Arc::new(store),
            exchange,
            notices,
            receivers,
            settled: CancellationToken::new(),
            closing: CancellationToken::new(),
        })
    }

    /// The outside as a new process on this machine sees it.
    pub(crate) fn ports(&self, machine: &Arc<Machine>) -> Ports {
        let clock: Arc<dyn Clock> = Arc::<Machine>::clone(machine);
        let rng = Arc::new(SeededRng::new(self.universe.below(u64::MAX)));
        Ports {
            blobs: Blobs::new(machine, &self.store),
            queue: MachineQueue::new(machine, &self.exchange),
            notices: MachineQueue::new(machine, &self.notices),
            ids: Arc::new(TimeOrderedIds::new(Arc::clone(&clock), rng.clone())),
            clock,
            rng,
        }
    }

    fn jobs(&self, machine: &Arc<Machine>) -> Jobs {
        Jobs::new(self.ports(machine), Arc::clone(&self.fixtures.book))
    }

    /// The API in a new process on this machine.
    pub(crate) fn context(&self, machine: &Arc<Machine>) -> Context {
        let threads: Arc<dyn Threads> = Arc::<Machine>::clone(machine);
        let settings = Settings { threads, ..Settings::default() };
        Context::new(self.ports(machine), Arc::clone(&self.fixtures.book), settings)
    }

    /// How long a machine is down.
    pub(crate) async fn reboot(&self) {
        self.universe.sleep(self.universe.between_ms(500, 30_000)).await;
    }
}

/// A server of the API.
pub(crate) struct Server {
    pub(crate) machine: Arc<Machine>,
    router: Mutex<Router>,
}

impl Server {
    pub(crate) fn new(service: &Service, machine: &Arc<Machine>) -> Arc<Self> {
        let router = Mutex::new(router(service, machine));
        machine.boot();
        Arc::new(Self { machine: Arc::clone(machine), router })
    }

    /// Answers a request, unless the process dies first.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Option<(StatusCode, Value)> {
        let (life, router) = (self.machine.life(), lock(&self.router).clone());
        let response = life.run_until_cancelled(router.oneshot(request)).await?;
        let (head, body) = response.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some((head.status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Starts the process again each time it has died.
    pub(crate) async fn serve(&self, service: &Service) {
        loop {
            self.machine.life().cancelled().await;
            service.reboot().await;
            *lock(&self.router) = router(service, &self.machine);
            self.machine.boot();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.machine, f)
    }
}

/// The part of the API that requesters use.
fn router(service: &Service, machine: &Arc<Machine>) -> Router {
    let context = service.context(machine);
    let areas = proofs::router(&context).merge(budgets::router(&context));
    let areas = areas.merge(webhooks::router(&context)).merge(uploads::router(&context));
    complete(context, areas)
}

/// A prover that is started again each time it has died or stopped.
pub(crate) struct Prover {
    pub(crate) machine: Arc<Machine>,
    pub(crate) has_gpu: bool,
    pub(crate) sweeps: bool,
}

impl Prover {
    /// Proves until the service closes.
    pub(crate) async fn prove(&self, service: &Service) {
        while !service.closing.is_cancelled() {
            let life = self.machine.boot();
            service.laws.began(&self.machine);
            let worker = self.worker(service);
            let stop = service.closing.child_token();
            tokio::select! {
                biased;
                () = life.cancelled() => {}
                () = worker.run(stop.clone()) => service.laws.stopped(&self.machine),
                () = self.interrupt(service, stop) => self.machine.kill(),
            }
            drop(worker);
            service.reboot().await;
        }
    }

    fn worker(&self, service: &Service) -> Worker {
        let machine = &self.machine;
        let device = if self.has_gpu { ToyDevice::gpu(machine) } else { ToyDevice::cpu(machine) };
        let settings = zkpool_worker::Settings {
            claim_wait: CLAIM_WAIT,
            sweep: self.sweeps.then_some(SWEEP_EVERY),
            threads: Arc::<Machine>::clone(machine),
            ..zkpool_worker::Settings::new(&service.fixtures.cache_dir)
        };
        let worker =
            Worker::new(service.ports(machine), service.jobs(machine), Arc::new(device), settings);
        #[expect(clippy::expect_used, reason = "the built-in price book has prices for both")]
        worker.expect("a device that the price book names")
    }

    /// Takes the machine away after a while, as a spot market does: a notice first, the end later.
    async fn interrupt(&self, service: &Service, stop: CancellationToken) {
        let universe = &service.universe;
        loop {
            universe.sleep(universe.between_ms(60_000, 900_000)).await;
            if self.machine.weather().disturbed {
                break;
            }
        }
        universe.count("spot interruption");
        universe.note(format_args!("{} is told to stop", self.machine.name));
        stop.cancel();
        universe.sleep(universe.between_ms(0, 120_000)).await;
    }
}

/// Sweeps on a machine of its own.
pub(crate) async fn sweep(service: &Service, machine: &Arc<Machine>) {
    loop {
        let (life, jobs) = (machine.boot(), service.jobs(machine));
        let sweeping = async {
            loop {
                let report = jobs.sweep().await;
                service.universe.note(format_args!("{} has swept: {report:?}", machine.name));
                machine.sleep(SWEEP_EVERY).await;
            }
        };
        life.run_until_cancelled(sweeping).await;
        service.reboot().await;
    }
}

/// Once everything has ended, a roll-up finds no more for coming often.
fn until_next_roll_up(service: &Service) -> Duration {
    let has_ended = service.settled.is_cancelled();
    let (low, high) = if has_ended { (600_000, 1_200_000) } else { (30_000, 600_000) };
    service.universe.between_ms(low, high)
}

/// Rolls up on a machine of its own.
pub(crate) async fn roll_up(service: &Service, machine: &Arc<Machine>) {
    loop {
        let (life, costs) = (machine.boot(), Costs::new(service.ports(machine)));
        let rolling = async {
            loop {
                machine.sleep(until_next_roll_up(service)).await;
                let report = costs.roll_up_all().await;
                let report = report.map_err(|error| error.to_string());
                service.universe.note(format_args!("{} has rolled up: {report:?}", machine.name));
                let projects = service.laws.projects();
                for project in projects.filter(|_| !machine.is_calm()) {
                    close_month(service, machine, &costs, &project).await;
                }
            }
        };
        life.run_until_cancelled(rolling).await;
        service.reboot().await;
    }
}
