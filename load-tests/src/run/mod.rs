//! Loads sent for real: scenarios from files, over the SDK, to a service of this machine or another.

mod collect;
pub(crate) mod fixtures;
mod generator;
mod html;
mod plan;
mod prepare;
mod report;
mod scenario;
mod service;
mod tally;
mod vitals;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zkpool_ports::{Clock, NoEntropy, OsRng, Rng, SystemClock};
use zkpool_sdk::BuildError;
use zkpool_types::{ErrorCode, ProjectId, Secret};

use crate::data::DataError;
use generator::Generator;
use report::{Report, Run as Ran, Sample};
use scenario::Scenario;
use service::Service;

/// Time between two looks at what a service takes of this machine.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Looks of one run: of a day, with room for waiting.
const SAMPLES_MAX: usize = 100_000;

/// What is sent where.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// steady, burst, rollup, tenants, noisy, poison, mixed, small, cold, platform, soak, or a file
    scenario: PathBuf,
    /// Send for so long in place of what the scenario says
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Leave out what this project sends
    #[arg(long, value_name = "PROJECT")]
    without: Option<ProjectId>,
    /// How long jobs that have not ended are waited for, once all were sent
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// A service that runs already, in place of one of this machine that is started for the run
    #[arg(long, requires = "key")]
    url: Option<String>,
    /// A key of it that may submit and read
    #[arg(long, env = "ZKPOOL_API_KEY", hide_env_values = true)]
    #[arg(value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text.to_owned())))]
    key: Option<Secret<String>>,
    /// Write the report with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why a load could not be sent, or what came of it not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// A file is no scenario.
    #[error("{0}: {1}")]
    Scenario(PathBuf, String),
    /// More than can be kept account of.
    #[error("expected a scenario of at most {max} jobs")]
    TooManyJobs {
        /// The limit.
        max: usize,
    },
    /// The service's data directory is no good.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no randomness to name the run by.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The service or what it needs cannot be started.
    #[error("the service cannot be started: {0}")]
    Start(#[source] io::Error),
    /// The product is not there.
    #[error("{0} is missing: build it with cargo build --release -p zkpool")]
    NotBuilt(PathBuf),
    /// No key of a project can be made.
    #[error("no key can be made: {0}")]
    Key(ErrorCode),
    /// No proving key can be made.
    #[error("no proving key can be made: {0}")]
    SetUp(String),
    /// A generator that does harm is no module.
    #[error(transparent)]
    Module(#[from] wat::Error),
    /// The address or the key is malformed.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// The service refused what the load needs.
    #[error(transparent)]
    Service(#[from] zkpool_sdk::Error),
    /// The report cannot be written down.
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Run {
    /// Sends the load and tells what came of it.
    pub(crate) fn run(&self) -> Result<String, RunError> {
        let runtime = Builder::new_multi_thread().enable_all().build().map_err(RunError::Start)?;
        let report = runtime.block_on(self.measure())?;
        if let Some(path) = &self.html {
            let written = std::fs::write(path, html::page(&report));
            written.map_err(|error| RunError::File(path.clone(), error))?;
        }
        Ok(if self.json {
            format!("{}\n", serde_json::to_string_pretty(&report.figures)?)
        } else {
            report.figures.text()
        })
    }

    async fn measure(&self) -> Result<Report, RunError> {
        let scenario = Scenario::load(&self.scenario, self.seconds)?;
        let scenario = match &self.without {
            Some(project) => scenario
                .without(project)
                .map_err(|why| RunError::Scenario(self.scenario.clone(), why))?,
            None => scenario,
        };
        let plan = plan::plan(&scenario)?;
        let service = Arc::new(self.service(&scenario).await?);
        let clients = prepare::clients(&scenario, &service).await?;
        let orders = prepare::orders(&scenario, &clients).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (run, follow_one_in) = (random_name()?, scenario.follow_one_in);
        let generator = Generator::new(orders, run, follow_one_in, Arc::clone(&clock));
        let generator = Arc::new(generator);
        let disk_mb_start = service.disk_mb();
        let samples = Samples::take(&service, &clock);
        let (started_at, patience) = (clock.now(), Duration::from_secs(self.patience));
        let until = clock.elapsed().saturating_add(scenario.duration()).saturating_add(patience);
        let happened = generator.send(&plan, until).await;
        collect::drained(&service, until, clock.as_ref()).await;
        let samples = samples.stop().await;
        let disk_mb_end = service.disk_mb();
        // One key sees the jobs of all projects where it sends for all.
        let seen_by = if self.url.is_some() { 1 } else { clients.len() };
        let lookers: Vec<_> = clients.values().take(seen_by).collect();
        let jobs = collect::jobs(&lookers, &generator.run, until, clock.as_ref()).await?;
        let (planned, disk_mb) = (plan.len(), disk_mb_start.zip(disk_mb_end));
        let name = self.scenario.display().to_string();
        let ran = Ran { name, scenario, planned, started_at, happened, jobs, samples, disk_mb };
        Ok(Report::of(ran))
    }

    async fn service(&self, scenario: &Scenario) -> Result<Service, RunError> {
        match (&self.url, &self.key) {
            (Some(url), Some(key)) => Ok(Service::Elsewhere { url: url.clone(), key: key.clone() }),
            _ => Service::start(scenario.repeats).await,
        }
    }
}

/// A name that no other run has.
fn random_name() -> Result<String, NoEntropy> {
    let mut random = [0; 8];
    OsRng::new()?.fill(&mut random);
    Ok(hex::encode(random))
}

/// Looks at a service while the load is on.
struct Samples {
    stop: CancellationToken,
    looking: JoinHandle<Vec<Sample>>,
}

impl Samples {
    /// Begins to look. A service elsewhere shows nothing.
    fn take(service: &Arc<Service>, clock: &Arc<dyn Clock>) -> Self {
        let stop = CancellationToken::new();
        let looking = look(Arc::clone(service), Arc::clone(clock), stop.clone());
        Self { looking: tokio::spawn(looking), stop }
    }

    /// What was seen, with a last look.
    async fn stop(self) -> Vec<Sample> {
        self.stop.cancel();
        self.looking.await.unwrap_or_default()
    }
}

/// Looks until it is told to stop, and once more then.
async fn look(
    service: Arc<Service>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Vec<Sample> {
    let (start, mut samples) = (clock.elapsed(), Vec::new());
    loop {
        let is_last = stop.is_cancelled() || samples.len() >= SAMPLES_MAX;
        let Some(vitals) = service.vitals().await else { return samples };
        samples.push(Sample { at: clock.elapsed().saturating_sub(start), vitals });
        if is_last {
            return samples;
        }
        stop.run_until_cancelled(clock.sleep(SAMPLE_EVERY)).await;
    }
}
