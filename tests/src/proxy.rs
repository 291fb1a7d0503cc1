//! A proxy in front of a stand-in that lets chosen requests fail as those of S3 do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, Collected, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// How long a connection lasts that breaks within an answer.
const BEFORE_A_BREAK: Duration = Duration::from_millis(50);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered as the stand-in answers.
    Passes,
    /// It does not reach the stand-in; this JSON is the answer, as though all were well.
    Answered(&'static str),
    /// It does not reach the stand-in, and no answer comes.
    Lost,
    /// It reaches the stand-in twice, and the first answer is the answer.
    AppliedTwice,
    /// It reaches the stand-in, and the answer comes after this time.
    AnsweredLate(Duration),
    /// It does not reach the stand-in; this status and code are the answer.
    Refused(u16, &'static str),
    /// It reaches the stand-in, and this status and code are the answer all the same.
    AppliedButRefused(u16, &'static str),
    /// It reaches the stand-in, and the connection breaks before the answer.
    AppliedButUnanswered,
    /// The connection breaks after half of the answer's body.
    CutInHalf,
}

/// What a request is, as far as fates depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The path with the query.
    pub path_and_query: String,
    /// The range of bytes that is asked for.
    pub range: Option<String>,
    /// The operation of SQS, such as `AmazonSQS.SendMessage`.
    pub target: Option<String>,
}

type Plan = dyn Fn(&Seen) -> Fate + Send + Sync;

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    seen: Arc<Mutex<Vec<(Seen, Fate)>>>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Starts a proxy in front of `upstream` whose requests meet the fates of `plan`.
    #[must_use]
    pub fn start(upstream: &str, plan: impl Fn(&Seen) -> Fate + Send + Sync + 'static) -> Self {
        let upstream: SocketAddr = upstream.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (plan, seen): (Arc<Plan>, _) = (Arc::new(plan), Arc::default());
        let record = Arc::clone(&seen);
        runtime.spawn(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, upstream, Arc::clone(&plan), Arc::clone(&record)));
            }
        });
        Self { url, seen, runtime: Some(runtime) }
    }

    /// The requests that met another fate than to pass, in order.
    #[must_use]
    pub fn failed(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|(_, fate)| *fate != Fate::Passes)
            .map(|(seen, _)| seen.clone())
            .collect()
    }

    /// All requests, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().map(|(seen, _)| seen.clone()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets the first `count` requests that `are_meant` meet `fate`, and all others pass.
pub fn first(
    count: usize,
    are_meant: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    fate: Fate,
) -> impl Fn(&Seen) -> Fate + Send + Sync + 'static {
    let left = Mutex::new(count);
    move |seen| {
        let mut left = left.lock().unwrap();
        if *left == 0 || !are_meant(seen) {
            return Fate::Passes;
        }
        *left -= 1;
        fate
    }
}

/// A connection breaks by ending its task with an error.
#[derive(Debug, thiserror::Error)]
#[error("the connection breaks by plan")]
struct Broken;

async fn serve(
    stream: TcpStream,
    upstream: SocketAddr,
    plan: Arc<Plan>,
    record: Arc<Mutex<Vec<(Seen, Fate)>>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = look(&request);
        let fate = plan(&seen);
        record.lock().unwrap().push((seen, fate));
        answer(request, upstream, fate)
    });
    // A connection that breaks by plan ends here.
    let _ = server::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn look(request: &Request<Incoming>) -> Seen {
    let header = |name| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    Seen {
        method: request.method().clone(),
        path_and_query: request.uri().to_string(),
        range: header("range"),
        target: header("x-amz-target"),
    }
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Broken>;

async fn answer(
    request: Request<Incoming>,
    upstream: SocketAddr,
    fate: Fate,
) -> Result<Response<Body>, Broken> {
    let request = collected(request).await;
    match fate {
        Fate::Refused(status, code) => return Ok(refusal(status, code)),
        Fate::Answered(json) => return Ok(Response::new(whole(json.into()))),
        Fate::Lost => std::future::pending().await,
        _ => {}
    }
    let (parts, body) = forward(request.clone(), upstream).await.into_parts();
    match fate {
        Fate::AppliedTwice => {
            forward(request, upstream).await;
            Ok(Response::from_parts(parts, whole(body)))
        }
        Fate::AnsweredLate(after) => {
            sleep(after).await;
            Ok(Response::from_parts(parts, whole(body)))
        }
        Fate::AppliedButRefused(status, code) => Ok(refusal(status, code)),
        Fate::AppliedButUnanswered => Err(Broken),
        Fate::CutInHalf => {
            let half = body.slice(..body.len() / 2);
            let breaking = async {
                // What was sent so far has to arrive first.
                sleep(BEFORE_A_BREAK).await;
                Err(Broken)
            };
            let half = stream::iter([Ok(Frame::data(half))]);
            let broken = half.chain(stream::once(breaking));
            Ok(Response::from_parts(parts, BodyExt::boxed_unsync(StreamBody::new(broken))))
        }
        _ => Ok(Response::from_parts(parts, whole(body))),
    }
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn refusal(status: u16, code: &str) -> Response<Body> {
    let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    Response::builder().status(status).body(whole(xml.into())).unwrap()
}

/// The request with all of its body, so that it can be sent twice.
async fn collected(request: Request<Incoming>) -> Request<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    Request::from_parts(parts, Full::new(body))
}

async fn forward(request: Request<Full<Bytes>>, upstream: SocketAddr) -> Response<Bytes> {
    let stream = TcpStream::connect(upstream).await.unwrap();
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[allow(clippy::disallowed_methods, reason = "the processes under test live in real time")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}
