//! The server and the prover of this process.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zkpool_functions::{Context, Settings, local, router};
use zkpool_jobs::Jobs;
use zkpool_ledger::PriceBook;
use zkpool_types::{ApiKey, KeyId, ProjectId, Scope};
use zkpool_webhooks::http::HttpSender;
use zkpool_worker::{Device, Worker};

use super::{Storage, books, webhooks};
use crate::client::Client;
use crate::exit::CliError;

/// Time that the prover gets to hand back what it holds.
const PROVER_STOP_MAX: Duration = Duration::from_secs(5);

/// Any free port of this machine, for services that nobody else has to find.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running service. Call [`Embedded::stop`] to end it in order.
pub(crate) struct Embedded {
    storage: Storage,
    _lock: File,
    address: SocketAddr,
    jobs: Jobs,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    prover: JoinHandle<()>,
    books: JoinHandle<()>,
    webhooks: JoinHandle<()>,
}

impl Embedded {
    /// Starts a service on a data directory that proves on `device`, for which the settings need
    /// not say the class. It takes requests when this returns.
    pub(crate) fn start(
        data: &Path,
        listen: SocketAddr,
        device: Arc<dyn Device>,
        settings: Settings,
    ) -> Result<Self, CliError> {
        let storage = Storage::open(data)?;
        let lock = storage.lock()?;
        let price_book = PriceBook::builtin()
            .map(Arc::new)
            .map_err(|error| CliError::storage("read the price book", error))?;
        let stop = CancellationToken::new();
        let sender = HttpSender::new(settings.webhook_addresses).map_err(CliError::internal)?;
        let settings = Settings { device: device.class(), draining: stop.clone(), ..settings };
        let context = Context::new(storage.ports().clone(), price_book, settings);
        let prover = prove(&storage, &context, device, &stop)?;
        let jobs = context.jobs().clone();
        let clock = Arc::clone(&storage.ports().clock);
        let books = books::keep(context.costs().clone(), Arc::clone(&clock), stop.clone());
        let books = storage.runtime().spawn(books);
        let webhooks = webhooks::tell(context.clone(), Arc::new(sender), clock, stop.clone());
        let webhooks = storage.runtime().spawn(webhooks);
        let (server, address) = serve(&storage, context, listen, &stop)?;
        Ok(Self { storage, _lock: lock, address, jobs, stop, server, prover, books, webhooks })
    }

    /// The address that is listened on, as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The storage behind the service.
    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The jobs of the service. Whoever waits on them hears of an end as soon as it is durable.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// A client with a fresh key of `project`, and the key's id to revoke it by.
    pub(crate) fn client(&self, project: &ProjectId) -> Result<(Client, KeyId), CliError> {
        let created = self.storage.keys().create(project, &[Scope::Submit, Scope::Read])?;
        let key: ApiKey = created.key.expose().parse()?;
        Ok((Client::with_key(&self.url(), &key)?, created.record.id))
    }

    /// Runs until the process is asked to stop.
    pub(crate) fn run_until_asked_to_stop(&self) -> Result<(), CliError> {
        let asked = self.storage.runtime().block_on(asked_to_stop());
        asked.map_err(|error| CliError::storage("listen for signals", error))
    }

    /// Answers the requests in flight, hands back the jobs in progress, and ends.
    pub(crate) fn stop(self) -> Result<(), CliError> {
        self.stop.cancel();
        let ended = self.storage.runtime().block_on(async {
            let prover = tokio::time::timeout(PROVER_STOP_MAX, self.prover);
            let (_, server, ..) = tokio::join!(prover, self.server, self.books, self.webhooks);
            server
        });
        // A proof that was abandoned runs on its own thread until the process ends.
        self.storage.shut_down();
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(CliError::storage("answer every request before stopping", error)),
            Err(error) => Err(CliError::Fault(format!("the server failed: {error}"))),
        }
    }
}

/// Starts the HTTP server.
fn serve(
    storage: &Storage,
    context: Context,
    listen: SocketAddr,
    stop: &CancellationToken,
) -> Result<(JoinHandle<std::io::Result<()>>, SocketAddr), CliError> {
    let failed = |source| CliError::Listen { address: listen.to_string(), source };
    let listener = storage.runtime().block_on(TcpListener::bind(listen)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let serving = local::serve(listener, router(context), stop.clone());
    Ok((storage.runtime().spawn(serving), address))
}

/// Starts the prover. It shares its jobs with the server, whose waiting requests hear of every
/// end at once.
fn prove(
    storage: &Storage,
    context: &Context,
    device: Arc<dyn Device>,
    stop: &CancellationToken,
) -> Result<JoinHandle<()>, CliError> {
    let settings = zkpool_worker::Settings::new(storage.cache_dir());
    let (ports, jobs) = (storage.ports().clone(), context.jobs().clone());
    let worker = Worker::new(ports, jobs, device, settings).map_err(CliError::internal)?;
    let stop = stop.clone();
    Ok(storage.runtime().spawn(async move { worker.run(stop).await }))
}

/// Returns when the process receives SIGTERM or an interrupt from the terminal.
pub(crate) async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
