//! One run: a service in bad weather, then in good, then its books.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Builder;
use zkpool_functions::Keys;
use zkpool_jobs::invariants::unfinished;
use zkpool_jobs::{Circuits, PortError};
use zkpool_ledger::PriceBook;
use zkpool_ports::Clock;
use zkpool_types::{
    ArtifactRef, CircuitManifest, CircuitRef, Curve, ProofSystemKind, Scope, Sha256Digest,
};

use crate::cast::{Cast, guarded};
use crate::machine::Machine;
use crate::receivers::register;
use crate::reckoning::{Budgeted, reckon};
use crate::requester::Tenant;
use crate::service::{Fixtures, Service};
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

/// Looks by which webhooks must know of everything: about five hours. A delivery that failed three
/// or four times before is tried again two hours later.
const LOOKS_TOLD_MAX: u32 = 600;

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
        let runtime = Builder::new_current_thread()
            .enable_time()
            .on_thread_park(move || passing.pass())
            .build()?;
        let service = Service::new(&universe, &self.fixtures);
        runtime.block_on(async {
            let play = guarded(&universe, play(&service));
            tokio::select! {
                biased;
                () = universe.breach() => {}
                () = play => {}
            }
        });
        let (jobs, succeeded) = service.laws.with_world(|world| {
            let ended = world.jobs.values().filter_map(|job| job.outcome.as_ref());
            (world.jobs.len(), ended.filter(|outcome| outcome.receipt.charged).count())
        });
        Ok(Run {
            seed,
            jobs,
            succeeded,
            told: service.laws.told_in_all(),
            chronicle: universe.chronicle(),
        })
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
    /// Events that webhooks took, each once.
    pub told: usize,
    /// What happened.
    pub chronicle: Chronicle,
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
    register(service, &cast.market).await;
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
    service.settled.cancel();
    all_are_told(service).await;
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
            generator: None,
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

/// Waits until everything has ended, which must not take too long.
async fn settle(service: &Service, cast: &Cast) {
    let universe = &service.universe;
    for _ in 0..LOOKS_MAX {
        universe.sleep(LOOK_EVERY).await;
        let is_over = cast.market.open.load(Ordering::Relaxed) == 0;
        if is_over && service.laws.with_world(|world| unfinished(world).is_empty()) {
            return;
        }
    }
    let left = service.laws.with_world(|world| unfinished(world).first().map(ToString::to_string));
    let open = cast.market.open.load(Ordering::Relaxed);
    let what = left.unwrap_or_else(|| format!("{open} requesters wait"));
    universe.broken("L1", format!("long after the last fault: {what}"));
}

/// Waits until webhooks know of everything, which must not take longer than the longest pause that
/// a delivery can have come to.
async fn all_are_told(service: &Service) {
    let universe = &service.universe;
    for _ in 0..LOOKS_TOLD_MAX {
        if service.laws.untold().is_none() {
            return;
        }
        universe.sleep(LOOK_EVERY).await;
    }
    if let Some(what) = service.laws.untold() {
        universe.broken("L7", format!("long after the last fault: {what}"));
    }
}
