//! The API on a real socket.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zkpool_functions::local::{Patience, serve_with};

use crate::harness::Api;

struct Server {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<std::io::Result<()>>,
}

async fn server(app: Router, patience: Patience) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(serve_with(listener, app, shutdown.clone(), patience));
    Server { address, shutdown, running }
}

/// Sends raw bytes and reads until the server closes the connection.
async fn exchange(address: std::net::SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// Answers after 200 ms of real time, which is what a peer on a socket sees.
async fn slow() -> &'static str {
    let _ = tokio::time::timeout(Duration::from_millis(200), std::future::pending::<()>()).await;
    "done"
}

#[tokio::test]
async fn a_request_over_a_socket_is_answered() {
    let server = server(Api::new().router, Patience::default()).await;
    let answer =
        exchange(server.address, "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.shutdown.cancel();
    server.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_in_flight_finishes_when_the_server_stops() {
    let app = Router::new().route("/slow", get(slow));
    let server = server(app, Patience::default()).await;
    let request = "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = tokio::spawn(exchange(server.address, request));
    let _ = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
    server.shutdown.cancel();
    assert!(answer.await.unwrap().ends_with("done"));
    server.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_cut_off() {
    let app = Router::new().route("/slow", get(slow));
    let patience = Patience { drain: Duration::from_millis(20), ..Patience::default() };
    let server = server(app, patience).await;
    let answer = tokio::spawn(exchange(server.address, "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"));
    let _ = tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await;
    server.shutdown.cancel();
    assert!(server.running.await.unwrap().is_err());
    assert_eq!(answer.await.unwrap(), "");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let patience = Patience { header_read: Duration::from_millis(100), ..Patience::default() };
    let server = server(Api::new().router, patience).await;
    let slow = exchange(server.address, "GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow");
    let answer = tokio::time::timeout(Duration::from_secs(5), slow).await.unwrap();
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.shutdown.cancel();
    server.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_above_the_limit_waits_for_another_to_end() {
    let patience = Patience { connections_max: 1, ..Patience::default() };
    let server = server(Api::new().router, patience).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut second = tokio::spawn(exchange(server.address, request));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "answered beside the first connection");
    drop(first);
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
    server.shutdown.cancel();
    server.running.await.unwrap().unwrap();
}
