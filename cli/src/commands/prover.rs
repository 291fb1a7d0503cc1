//! `zkpool prover`: proves the jobs of a service on AWS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zkpool_aws::settings::LONG_POLL_MAX;
use zkpool_jobs::Jobs;
use zkpool_ledger::PriceBook;
use zkpool_ports::SystemClock;
use zkpool_worker::{EcsAgent, METADATA, SpotNotice, Worker, ask_health, serve_health};

use crate::aws::{AwsArgs, Service};
use crate::device::DeviceArgs;
use crate::embedded::asked_to_stop;
use crate::exit::CliError;
use crate::output::{self, Report};

/// Time that the prover gets to stop: to hand back what it holds, with some repetitions. What is
/// not handed back by then is visible to others when its visibility runs out.
const STOP_MAX: Duration = Duration::from_secs(30);

/// Prove the jobs of a service on AWS until asked to stop
///
/// A line that begins with `proving` is written to standard output when jobs are taken, or with
/// --json an object with the device. Interrupt or SIGTERM ends it: jobs in progress are handed
/// back at once, uncounted.
#[derive(Args, Debug)]
pub(crate) struct ProverArgs {
    #[command(flatten)]
    service: AwsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Answer /healthz and /readyz at this address of this machine
    #[arg(long, env = "ZKPOOL_HEALTH", value_name = "ADDRESS")]
    health: Option<SocketAddr>,
    /// Ask the prover at --health whether it is healthy, and do nothing else
    #[arg(long, requires = "health")]
    is_healthy: bool,
    /// End when the metadata of this spot machine say that it is taken away; on ECS its agent does
    /// that. The address is that of EC2's metadata unless another one is given
    #[arg(
        long,
        env = "ZKPOOL_SPOT_NOTICE",
        value_name = "URL",
        num_args = 0..=1,
        default_missing_value = METADATA
    )]
    spot_notice: Option<String>,
    /// The agent of ECS, which is asked not to stop this prover while it holds a job
    #[arg(long, env = "ECS_AGENT_URI", value_name = "URL", hide = true)]
    ecs_agent: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &ProverArgs, as_json: bool) -> Result<Report, CliError> {
    if let Some(address) = args.health.filter(|_| args.is_healthy) {
        return is_healthy(address);
    }
    let service = args.service.open()?;
    let engine = args.device.open()?;
    let settings = settings(&args.device)?;
    let (ports, jobs) = (service.ports().clone(), jobs(&service)?);
    let mut worker =
        Worker::new(ports, jobs, engine.device(), settings).map_err(CliError::internal)?;
    if let Some(agent) = &args.ecs_agent {
        worker = worker.with_protection(Arc::new(EcsAgent::new(agent)));
    }
    let (bucket, device) = (service.bucket().to_owned(), engine.name());
    if as_json {
        output::line(&json!({ "proving": bucket, "device": device }).to_string());
    } else {
        output::line(&format!("proving the jobs of {bucket} on {device}"));
    }
    if let Some(address) = args.health {
        let bound = service.runtime().block_on(TcpListener::bind(address));
        let failed = |source| CliError::Listen { address: address.to_string(), source };
        service.runtime().spawn(serve_health(bound.map_err(failed)?, worker.phase()));
    }
    let notice = args.spot_notice.as_deref().map(SpotNotice::new);
    let ended = service.runtime().block_on(prove(worker, notice));
    // A proof that was abandoned runs on its own thread until the process ends.
    service.shut_down();
    ended.map_err(|error| CliError::storage("listen for signals", error))?;
    Report::new(&json!({ "stopped": bucket }), "stopped\n")
}

fn jobs(service: &Service) -> Result<Jobs, CliError> {
    let price_book = PriceBook::builtin();
    let price_book = price_book.map_err(|error| CliError::storage("read the price book", error))?;
    Ok(Jobs::new(service.ports().clone(), Arc::new(price_book)))
}

/// Claims wait as long as SQS lets them, because every call costs. The sweep is a function of its
/// own, with rights that no prover has.
fn settings(device: &DeviceArgs) -> Result<zkpool_worker::Settings, CliError> {
    let nowhere = || CliError::Usage("expected a directory for keys in --cache".into());
    let cache = device.cache.dir().ok_or_else(nowhere)?;
    let claim_wait = LONG_POLL_MAX;
    let defaults = zkpool_worker::Settings::new(cache);
    Ok(zkpool_worker::Settings { claim_wait, warm_start: true, sweep: None, ..defaults })
}

/// Asks a prover on this machine how it is.
fn is_healthy(address: SocketAddr) -> Result<Report, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failed =
        |error| CliError::Fault(format!("the prover at {address} does not answer: {error}"));
    let healthy = runtime.and_then(|runtime| runtime.block_on(ask_health(address, "/healthz")));
    if !healthy.map_err(failed)? {
        return Err(CliError::Fault(format!("the prover at {address} is not healthy")));
    }
    Report::new(&json!({ "healthy": true }), "healthy\n")
}

/// Proves until the process is asked to stop or its machine is taken away, and hands back what is
/// held then.
async fn prove(worker: Worker, notice: Option<SpotNotice>) -> std::io::Result<()> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let mut proving = tokio::spawn(async move { worker.run(stopping).await });
    tokio::select! {
        asked = asked_to_stop() => asked?,
        () = taken_away(notice) => tracing::warn!("this machine is about to be taken away"),
        _ = &mut proving => return Ok(()),
    }
    stop.cancel();
    let _ = tokio::time::timeout(STOP_MAX, proving).await;
    Ok(())
}

/// Returns once there is a notice, which is never where nobody looks for one.
async fn taken_away(notice: Option<SpotNotice>) {
    match notice {
        Some(notice) => notice.given(&SystemClock::new()).await,
        None => std::future::pending().await,
    }
}
