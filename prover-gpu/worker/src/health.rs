//! How a worker is, for whoever runs it.
//!
//! `GET /healthz` is answered with 200 by every worker whose tasks still run, and `GET /readyz` by
//! one that claims jobs; one that starts or stops answers 503 and says which. Both are for this
//! machine only and say nothing of any job.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// Time for one question and its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of an answer that tell its status.
const STATUS_LINE_BYTES: usize = "HTTP/1.1 200".len();

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It prepares keys before its first claim.
    Starting,
    /// It claims jobs.
    Ready,
    /// It was asked to stop.
    Draining,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

/// Answers questions about a worker's health for as long as it is polled. Connections are served
/// one after another, each within a bound.
///
/// # Errors
/// No connection can be taken any more: the worker counts as ill from then on.
pub async fn serve_health(
    listener: TcpListener,
    phase: watch::Receiver<Phase>,
) -> io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Whoever asks and does not listen learns nothing, and holds up no one for long.
        let _ = timeout(CONNECTION_TIMEOUT, serve_one(stream, &phase)).await;
    }
}

async fn serve_one(stream: TcpStream, phase: &watch::Receiver<Phase>) -> hyper::Result<()> {
    let answer = service_fn(async |request| Ok::<_, Infallible>(answer(&request, *phase.borrow())));
    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), answer).await
}

fn answer<B>(request: &Request<B>, phase: Phase) -> Response<String> {
    let (status, body) = match (request.uri().path(), phase) {
        ("/healthz", _) => (StatusCode::OK, "alive"),
        ("/readyz", Phase::Ready) => (StatusCode::OK, phase.name()),
        ("/readyz", _) => (StatusCode::SERVICE_UNAVAILABLE, phase.name()),
        _ => (StatusCode::NOT_FOUND, "expected /healthz or /readyz"),
    };
    let mut response = Response::new(format!("{body}\n"));
    *response.status_mut() = status;
    response
}

/// Asks a worker at this address, and returns whether it answered with 200.
///
/// # Errors
/// It did not answer in time.
pub async fn ask_health(worker: SocketAddr, path: &str) -> io::Result<bool> {
    let asking = async {
        let mut stream = TcpStream::connect(worker).await?;
        let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(question.as_bytes()).await?;
        let mut status_line = [0; STATUS_LINE_BYTES];
        stream.read_exact(&mut status_line).await?;
        Ok(status_line == *b"HTTP/1.1 200")
    };
    timeout(CONNECTION_TIMEOUT, asking).await?
}
