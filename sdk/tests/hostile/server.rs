//! A server that answers as it is told: late, wrongly, in part or not at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use zkpool_sdk::{Client, ClientBuilder, Retries};

/// A key that no server looks at.
pub(crate) const KEY: &str = "zkp_0000000000000000000000000000000000000000000000000000000000000000";

/// What arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn is(&self, start: &str) -> bool {
        self.line.starts_with(start)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// This, after a while.
    Whole { after: Duration, status: u16, headers: String, body: Vec<u8> },
    /// The connection is closed after so many bytes of an answer that announces more.
    Cut(usize),
    /// Nothing, for as long as the peer waits.
    Silence,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(crate) fn text(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = format!("content-type: {kind}\r\n");
        Self::Whole { after: Duration::ZERO, status, headers, body: body.into() }
    }

    pub(crate) fn problem(code: zkpool_sdk::ErrorCode) -> Self {
        let problem = zkpool_sdk::types::api::Problem::new(code, "as it was told");
        Self::json(problem.status, &serde_json::to_value(problem).unwrap())
    }

    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        match self {
            Self::Whole { after, status, headers, body } => {
                let headers = format!("{headers}{name}: {value}\r\n");
                Self::Whole { after, status, headers, body }
            }
            other => other,
        }
    }

    pub(crate) fn later(self, after: Duration) -> Self {
        match self {
            Self::Whole { status, headers, body, .. } => {
                Self::Whole { after, status, headers, body }
            }
            other => other,
        }
    }
}

/// A running server and what it was asked.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    running: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts a server that answers every request by `answer`, which is told its number from 0.
    pub(crate) async fn start<A>(answer: A) -> Self
    where
        A: Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, answer) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(answer));
        let running = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
                }
            }
        });
        Self { url, seen, running }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// A client that loses patience soon.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let retries = Retries {
            attempts_max: 4,
            pause_first: Duration::from_millis(10),
            pause_max: Duration::from_millis(50),
        };
        Client::builder(KEY)
            .server(&self.url)
            .retries(retries)
            .answer_timeout(Duration::from_millis(500))
            .patience(Duration::from_secs(60))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn serve<A>(stream: TcpStream, seen: Arc<Mutex<Vec<Request>>>, answer: Arc<A>)
where
    A: Fn(usize, &Request) -> Reply,
{
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let reply = answer(number, &request);
    match reply {
        Reply::Silence => std::future::pending().await,
        Reply::Cut(bytes) => {
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{{{}", " ".repeat(900));
            let _ = stream.write_all(&answer.as_bytes()[..bytes.min(answer.len())]).await;
        }
        Reply::Whole { after, status, headers, body } => {
            pause(after).await;
            let head = format!(
                "HTTP/1.1 {status} x\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
    }
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let (line, rest) = head.split_once("\r\n").unwrap();
    let headers: HashMap<_, _> = rest
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { line: line.to_owned(), headers, body })
}

pub(crate) async fn pause(duration: Duration) {
    let _ = tokio::time::timeout(duration, std::future::pending::<()>()).await;
}
