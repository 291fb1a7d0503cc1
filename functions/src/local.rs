//! The API on a socket of this machine.
//!
//! The server holds a bounded number of connections, gives each request's head a bounded time to
//! arrive, and when asked to stop lets the requests in flight finish within a bound.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::limits::{CONNECTIONS_MAX, DRAIN_TIMEOUT, HEADER_READ_TIMEOUT};

/// Pause after a connection could not be accepted, as when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a server grants its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Connections served at once.
    pub connections_max: usize,
    /// Time for a request's head to arrive, and for an idle connection to send the next one.
    pub header_read: Duration,
    /// Time for requests in flight when the server is asked to stop.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            header_read: HEADER_READ_TIMEOUT,
            drain: DRAIN_TIMEOUT,
        }
    }
}

/// Serves `app` until `shutdown` is cancelled and the requests in flight are answered.
///
/// Give the same token to [`crate::Settings::draining`], so that waiting status requests answer
/// at once instead of holding up the end.
///
/// # Errors
/// Requests were still in flight when the time for them was up; their connections are closed.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_with(listener, app, shutdown, Patience::default()).await
}

/// [`serve`] with bounds other than the default ones.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    listener: TcpListener,
    app: Router,
    shutdown: CancellationToken,
    patience: Patience,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(patience.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    while let Some((stream, slot)) = next_connection(&listener, &slots, &shutdown).await {
        let connection = graceful.watch(connection(stream, app.clone(), patience.header_read));
        connections.spawn(run(connection, slot));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // What has not ended by then is aborted when the set of connections is dropped.
    timeout(patience.drain, graceful.shutdown()).await.map_err(io::Error::from)
}

/// The next connection and its slot, or `None` once the server is asked to stop.
async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let accept = async { (Arc::clone(slots).acquire_owned().await, listener.accept().await) };
        match shutdown.run_until_cancelled(accept).await? {
            (Ok(slot), Ok((stream, _))) => return Some((stream, slot)),
            (Err(_), _) => return None,
            (_, Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                shutdown.run_until_cancelled(pause()).await?;
            }
        }
    }
}

async fn pause() {
    // A timeout around what never ends is a sleep on the network's own time.
    let _ = timeout(ACCEPT_PAUSE, std::future::pending::<()>()).await;
}

type Connection = http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

fn connection(stream: TcpStream, app: Router, header_read: Duration) -> Connection {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small writes may be delayed on a connection");
    }
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
}

async fn run(connection: impl Future<Output = hyper::Result<()>>, slot: OwnedSemaphorePermit) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(slot);
}
