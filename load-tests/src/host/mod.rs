//! A service of the product's own handlers and workers over a local disk, whose device makes each
//! proof once: what it measures is everything but proving.
//!
//! It is a process of its own, so that its memory and files are those of a service, and ends with
//! the process that started it.

mod device;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zkpool_functions::{Context, Settings, local, router, runtime};
use zkpool_jobs::Ports;
use zkpool_ledger::{PriceBook, PriceBookError};
use zkpool_worker::{Worker, WorkerError};

use crate::data::{self, DataError};
use device::Repeating;

/// What is hosted.
#[derive(Debug, Args)]
pub(crate) struct Host {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How many workers share the queue
    #[arg(long, value_name = "N")]
    workers: usize,
    /// How long a repeated proof takes
    #[arg(long, value_name = "MILLISECONDS")]
    pace_ms: u64,
}

/// Why nothing is hosted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// The data directory is no good.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There are no prices.
    #[error(transparent)]
    Prices(#[from] PriceBookError),
    /// A worker cannot start.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The system refused something.
    #[error("the host cannot serve: {0}")]
    System(#[from] io::Error),
}

impl Host {
    /// Serves until standard input ends.
    pub(crate) fn run(&self) -> Result<String, HostError> {
        let runtime = runtime()?;
        let served = runtime.block_on(self.serve());
        runtime.shutdown_background();
        served.map(|()| String::new())
    }

    async fn serve(&self) -> Result<(), HostError> {
        let ports = data::ports(&self.data)?;
        let stop = CancellationToken::new();
        let settings = Settings {
            requests_per_minute: NonZeroU32::MAX,
            draining: stop.clone(),
            ..Settings::default()
        };
        let context = Context::new(ports.clone(), Arc::new(PriceBook::builtin()?), settings);
        for number in 0..self.workers {
            let worker = self.worker(&ports, &context, number)?;
            let stop = stop.clone();
            tokio::spawn(async move { worker.run(stop).await });
        }
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let listening = format!("http://{}", listener.local_addr()?);
        writeln!(io::stdout(), "{}", json!({ "listening": listening }))?;
        tokio::select! {
            served = local::serve(listener, router(context), stop) => Ok(served?),
            () = parent_is_gone() => Ok(()),
        }
    }

    /// One of the workers. The first one sweeps for all.
    fn worker(
        &self,
        ports: &Ports,
        context: &Context,
        number: usize,
    ) -> Result<Worker, WorkerError> {
        let settings = zkpool_worker::Settings::new(self.data.join("cache"));
        let sweep = settings.sweep.filter(|_| number == 0);
        let device = Repeating { pace: Duration::from_millis(self.pace_ms) };
        let settings = zkpool_worker::Settings { sweep, ..settings };
        Worker::new(ports.clone(), context.jobs().clone(), Arc::new(device), settings)
    }
}

/// Whoever started this process holds the other end of its standard input.
async fn parent_is_gone() {
    let reading = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    let _ = reading.await;
}
