//! One run: a service in bad weather, then in good, then its books.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::SignedDuration;
use tokio::runtime::Builder;
use zkpool_functions::Keys;
use zkpool_jobs::invariants::unfinished;
use zkpool_jobs::{Circuits, PortError};
use zkpool_ledger::PriceBook;
use zkpool_ports::Clock;
use zkpool_types::{
    ArtifactRef, CircuitManifest, CircuitRef, Curve, ProofSystemKind, Scope, Sha256Digest,
};

use crate::machine::Machine;
use crate::reckoning::{Budgeted, reckon};
use crate::requester::{Market, Tenant, arrival};
use crate::service::{Fixtures, Prover, Server, Service, roll_up, sweep};
use crate::toy::VARIABLES;
use crate::universe::{Chronicle, Universe};
use crate::weather::Weather;

/// The key that every circuit is registered with.
const KEY: &[u8] = include_bytes!("../../fixtures/bn128/multiplier.zkey");

/// Shortest and longest time in bad weather, in milliseconds.
const STORM_MS: (u64, u64) = (300_000, 1_500_000);

/// Time between two looks at whether everything has ended: a sweep, and a little.
const LOOK_EVERY: Duration = Duration::from_secs(31);

/// Looks after the last fault by which everything must have ended. A queue of long proofs that each
/// take three attempts takes that long, and nothing else does.
const LOOKS_MAX: u32 = 240;

/// Why the simulation cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file of the simulation cannot be written.
    #[error("the simulation's files cannot be written: {0}")]
    Files(#[from] std::io::Error),
    /// The price book that was built in does not hold together.
    #[error(transparent)]
    PriceBook(#[from] zkpool_ledger::PriceBookError),
}

/// What every run needs and none changes.
#[derive(Debug)]
pub struct Stage {
    fixtures: Fixtures,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// Writes the files that provers read.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn new() -> Result<Self, SetupError> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| Path::join(folder.path(), name);
        std::fs::write(at("key.zkey"), KEY)?;
        let book = Arc::new(PriceBook::builtin()?);
        let fixtures = Fixtures { key_file: at("key.zkey"), cache_dir: at("cache"), book };
        Ok(Self { fixtures, _folder: folder })
    }

    /// What happens under this seed. The same seed, the same events. `with_lines` keeps them as
    /// text.
    ///
    /// # Errors
    /// There is no runtime to be had.
    pub fn run(&self, seed: u64, with_lines: bool) -> Result<Run, SetupError> {
        let universe = Universe::new(seed, with_lines);
        let passing = Arc::clone(&universe);
        // Time passes when nothing else is left to do.
        let runtime =
            Builder::new_current_thread().enable_time().on_thread_park(move || passing.pass()).build()?;
        let service = Service::new(&universe, &self.fixtures);
        runtime.block_on(async {
            let play = guarded(&universe, play(&service));
            tokio::select! {
                biased;
                () = universe.breach() => {}
                () = play => {}
            }
        });
        let world = service.laws.world();
        let ended = world.jobs.values().filter_map(|job| job.outcome.as_ref());
        let succeeded = ended.filter(|outcome| outcome.receipt.charged).count();
        Ok(Run { seed, jobs: world.jobs.len(), succeeded, chronicle: universe.chronicle() })
    }
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Jobs that were asked for.
    pub jobs: usize,
    /// Jobs of which there was a proof.
    pub succeeded: usize,
    /// What happened.
    pub chronicle: Chronicle,
}

/// A panic that the product does not catch breaks a law.
async fn guarded(universe: &Universe, part: impl Future<Output = ()>) {
    if AssertUnwindSafe(part).catch_unwind().await.is_err() {
        universe.broken("L1", "a process panicked");
    }
}

/// Runs a part of the service beside the others.
fn spawn(service: &Arc<Service>, part: impl Future<Output = ()> + Send + 'static) {
    let universe = Arc::clone(&service.universe);
    tokio::spawn(async move { guarded(&universe, part).await });
}

async fn play(service: &Arc<Service>) {
    let universe = &service.universe;
    let operator = Machine::new("operator", universe);
    let tenants = match set_up(service, &operator).await {
        Ok(tenants) => tenants,
        Err(error) => return universe.broken("L1", format!("no set-up: {error}")),
    };
    let cast = Cast::on_stage(service, tenants);
    let budgeted = Budgeted::set(service, &cast.market).await;
    let weather = Weather::of(universe);
    universe.note(format_args!("{weather:?}"));
    cast.set_weather(weather);
    let storm = universe.between_ms(STORM_MS.0, STORM_MS.1);
    cast.open_market(service, storm);
    if weather.disturbed {
        cast.disturb(service, storm).await;
    } else {
        universe.sleep(storm).await;
    }
    universe.note(format_args!("the weather clears up"));
    cast.clear_up();
    settle(service, &cast).await;
    service.closing.cancel();
    reckon(service, &operator, &cast.market, &budgeted).await;
}

/// Keys for two projects, and a circuit in each.
async fn set_up(service: &Service, operator: &Arc<Machine>) -> Result<Vec<Tenant>, PortError> {
    let ports = service.ports(operator);
    let (keys, circuits) = (Keys::new(ports.clone()), Circuits::new(ports));
    let mut tenants = Vec::new();
    for name in ["alpha", "beta"] {
        let Ok(project) = name.parse() else { continue };
        let sha256 = Sha256Digest::of(KEY);
        let Ok(circuit) = CircuitRef::of_key("toy", &sha256) else { continue };
        let proving_key = ArtifactRef { sha256, size: KEY.len() as u64 };
        let manifest = CircuitManifest {
            project,
            circuit,
            proof_system: ProofSystemKind::Groth16,
            curve: Curve::Bn254,
            proving_key,
            verification_key: proving_key,
            domain_size: 8,
            variables: u64::from(VARIABLES),
            public_inputs: 1,
            development: false,
            created_at: operator.now(),
        };
        let project = manifest.project.clone();
        let Ok((key, _)) = keys.create(&project, &Scope::ALL).await else { continue };
        let Ok(_) = circuits.register(manifest).await else { continue };
        tenants.push(Tenant { project, key: key.expose().to_owned() });
    }
    Ok(tenants)
}

/// Everyone in a run.
struct Cast {
    machines: Vec<Arc<Machine>>,
    provers: Vec<Arc<Prover>>,
    market: Arc<Market>,
}

impl Cast {
    fn on_stage(service: &Arc<Service>, tenants: Vec<Tenant>) -> Self {
        let universe = &service.universe;
        let machine = |kind: &str, n: u64| Machine::new(format!("{kind}-{n}"), universe);
        let mut machines = Vec::new();
        let mut servers = Vec::new();
        for n in 0..2 {
            let server = Server::new(service, &machine("server", n));
            machines.push(Arc::clone(&server.machine));
            servers.push(Arc::clone(&server));
            let service = Arc::clone(service);
            spawn(&Arc::clone(&service), async move { server.serve(&service).await });
        }
        let provers_sweep = universe.happens(500);
        let mut provers = Vec::new();
        for n in 0..2 + universe.below(2) {
            let prover = Arc::new(Prover {
                machine: machine("prover", n),
                has_gpu: universe.happens(600),
                sweeps: provers_sweep && n == 0,
            });
            machines.push(Arc::clone(&prover.machine));
            provers.push(Arc::clone(&prover));
            let service = Arc::clone(service);
            spawn(&Arc::clone(&service), async move { prover.prove(&service).await });
        }
        if !provers_sweep {
            for n in 0..1 + universe.below(2) {
                let (service, machine) = (Arc::clone(service), machine("sweeper", n));
                machines.push(Arc::clone(&machine));
                spawn(&Arc::clone(&service), async move { sweep(&service, &machine).await });
            }
        }
        for n in 0..2 {
            let (service, machine) = (Arc::clone(service), machine("roll-up", n));
            machines.push(Arc::clone(&machine));
            spawn(&Arc::clone(&service), async move { roll_up(&service, &machine).await });
        }
        let market = Market {
            service: Arc::clone(service),
            servers,
            tenants,
            disconnected: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        };
        Self { machines, provers, market: Arc::new(market) }
    }

    fn set_weather(&self, weather: Weather) {
        self.machines.iter().for_each(|machine| machine.set_weather(weather));
        self.market.disconnected.store(weather.disconnected as usize, Ordering::Relaxed);
    }

    /// Sends requesters on their way.
    fn open_market(&self, service: &Arc<Service>, storm: Duration) {
        let requesters = 4 + service.universe.below(8);
        self.market.open.store(usize::try_from(requesters).unwrap_or(0), Ordering::Relaxed);
        for number in 0..requesters {
            let (market, service) = (Arc::clone(&self.market), Arc::clone(service));
            spawn(&Arc::clone(&service), async move {
                service.universe.sleep(arrival(&service, storm * 3 / 4)).await;
                let intent = market.intent(number);
                market.pursue(intent).await;
            });
        }
    }

    /// Stops machines for a while, kills them, and sets their clocks, until the storm is over.
    async fn disturb(&self, service: &Service, storm: Duration) {
        let universe = &service.universe;
        let end = universe.now() + storm;
        loop {
            let next = universe.now() + universe.between_ms(5_000, 200_000);
            universe.sleep_until(next.min(end)).await;
            if next >= end {
                return;
            }
            let any = usize::try_from(universe.below(self.machines.len() as u64)).unwrap_or(0);
            let machine = &self.machines[any];
            match universe.below(6) {
                0 => {
                    universe.count("kill");
                    machine.kill();
                }
                1 => {
                    // Clocks are wrong by at most ten minutes, back or ahead.
                    let off_s = universe.below(1_200).cast_signed() - 600;
                    machine.set_skew(SignedDuration::from_secs(off_s));
                }
                2 => machine.stop_for(universe.between_ms(1_000, 120_000)),
                // Mostly provers: who is stopped holds jobs.
                _ => {
                    let n = universe.below(self.provers.len() as u64);
                    let prover = &self.provers[usize::try_from(n).unwrap_or(0)];
                    prover.machine.stop_for(universe.between_ms(5_000, 120_000));
                }
            }
        }
    }

    fn clear_up(&self) {
        self.machines.iter().for_each(|machine| machine.recover());
        self.market.disconnected.store(0, Ordering::Relaxed);
    }
}

/// Waits until everything has ended, which must not take too long.
async fn settle(service: &Service, cast: &Cast) {
    let universe = &service.universe;
    for _ in 0..LOOKS_MAX {
        universe.sleep(LOOK_EVERY).await;
        let is_over = cast.market.open.load(Ordering::Relaxed) == 0;
        if is_over && unfinished(&service.laws.world()).is_empty() {
            return;
        }
    }
    let left = unfinished(&service.laws.world());
    let open = cast.market.open.load(Ordering::Relaxed);
    let what = left.first().map_or_else(|| format!("{open} requesters wait"), ToString::to_string);
    universe.broken("L1", format!("long after the last fault: {what}"));
}
