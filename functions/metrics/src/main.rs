//! Publishes the work before each prover, once for each event of a schedule.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use serde_json::Value;
use tokio::runtime::Builder;
use zkpool_aws::{Connection, EcsService, Settings};
use zkpool_jobs::Ports;
use zkpool_metrics::{Fleet, FleetError, Provers, backlog, document, measure};
use zkpool_ports::{Clock, OsRng, Rng, SystemClock, TimeOrderedIds};

/// The cluster of the provers.
const CLUSTER: &str = "ZKPOOL_CLUSTER";

/// The service of the provers, which is also the dimension of their metrics.
const SERVICE: &str = "ZKPOOL_SERVICE";

/// Work in seconds that one prover may have before it.
const TARGET: &str = "ZKPOOL_TARGET_BACKLOG_SECONDS";

/// Seconds that a proof is taken to need before one was measured.
const PROVING_DEFAULT: &str = "ZKPOOL_PROVING_SECONDS_DEFAULT";

/// The provers as tasks of a service.
#[derive(Debug)]
struct Service(EcsService);

#[async_trait]
impl Provers for Service {
    async fn count(&self) -> Result<Fleet, FleetError> {
        let tasks = self.0.tasks().await.map_err(|error| FleetError(error.into()))?;
        Ok(Fleet { wanted: tasks.desired, running: tasks.running })
    }
}

/// What every event is answered from.
struct Function {
    ports: Ports,
    provers: Service,
    service: String,
    target: Duration,
    proving_default: Duration,
}

impl Function {
    /// The function that the environment describes.
    async fn from_environment() -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let rng: Arc<dyn Rng> = Arc::new(OsRng::new()?);
        let ids = Arc::new(TimeOrderedIds::new(Arc::clone(&clock), Arc::clone(&rng)));
        let settings = Settings::from_environment(variable)?;
        let connection = Connection::open(&settings, Arc::clone(&clock), ids.clone()).await?;
        let (blobs, queue) = (Arc::new(connection.blobs), Arc::new(connection.queue));
        let notices = Arc::new(connection.notices);
        let (cluster, service) = (required(CLUSTER)?, required(SERVICE)?);
        Ok(Self {
            ports: Ports { blobs, queue, notices, clock, ids, rng },
            provers: Service(EcsService::open(&cluster, &service).await?),
            service,
            target: seconds(TARGET)?,
            proving_default: seconds(PROVING_DEFAULT)?,
        })
    }

    /// Measures and publishes once.
    async fn publish(&self) -> Result<(), Error> {
        let observed = measure(&self.ports, &self.provers, self.proving_default).await?;
        let backlog = backlog(&observed, self.target);
        let at = self.ports.clock.now();
        writeln!(io::stdout().lock(), "{}", document(at, &self.service, &observed, &backlog))?;
        Ok(())
    }
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "a function has no command line")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn required(name: &str) -> Result<String, Error> {
    variable(name).ok_or_else(|| format!("expected a value in {name}, found none").into())
}

fn seconds(name: &str) -> Result<Duration, Error> {
    let found = required(name)?;
    let seconds = found.parse();
    let seconds = seconds.map_err(|_| format!("expected seconds in {name}, found {found:?}"))?;
    Ok(Duration::from_secs(seconds))
}

async fn run() -> Result<(), Error> {
    let function = Function::from_environment().await?;
    let answer = async |_: LambdaEvent<Value>| function.publish().await;
    lambda_runtime::run(service_fn(answer)).await
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_ansi(false).init();
    let ended = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error.as_ref() as &dyn std::error::Error, "cannot run");
            ExitCode::FAILURE
        }
    }
}
