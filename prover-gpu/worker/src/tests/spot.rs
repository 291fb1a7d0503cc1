//! The notice of a spot machine, from metadata that are asked as those of EC2 want it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use zkpool_ports::VirtualClock;

use crate::SpotNotice;

/// Longest real time that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// The metadata of a machine of version 2: nothing is told without a token.
async fn metadata(is_taken: Arc<AtomicBool>) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let is_taken = Arc::clone(&is_taken);
            let service = service_fn(move |request| {
                let answer = answer(&request, is_taken.load(Ordering::SeqCst));
                async { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, AbortOnDropHandle::new(serving))
}

fn answer(request: &Request<Incoming>, is_taken: bool) -> Response<String> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap());
    let (method, path) = (request.method().as_str(), request.uri().path());
    let token = header("x-aws-ec2-metadata-token");
    let (status, body) = match (method, path, token) {
        ("PUT", "/latest/api/token", _) => {
            assert_eq!(header("x-aws-ec2-metadata-token-ttl-seconds"), Some("60"));
            (200, "the-token")
        }
        ("GET", "/latest/meta-data/spot/instance-action", Some("the-token")) if is_taken => {
            (200, r#"{"action": "terminate", "time": "2026-09-18T08:22:00Z"}"#)
        }
        ("GET", "/latest/meta-data/spot/instance-action", Some("the-token")) => (404, "none"),
        _ => (401, "no token"),
    };
    Response::builder().status(status).body(body.to_owned()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_taken_away_is_noticed_and_another_is_not() {
    let is_taken = Arc::new(AtomicBool::new(false));
    let (url, _serving) = metadata(Arc::clone(&is_taken)).await;
    let clock = VirtualClock::new();
    let notice = SpotNotice::new(&url);
    let looking = notice.given(&clock);
    tokio::pin!(looking);
    let first_look = tokio::time::timeout(Duration::from_secs(1), &mut looking).await;
    assert!(first_look.is_err(), "there is no notice");
    is_taken.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(5));
    tokio::time::timeout(PATIENCE, looking).await.expect("the notice is not seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_do_not_answer_are_no_notice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let clock = VirtualClock::new();
    let notice = SpotNotice::new(&nobody);
    let looking = tokio::time::timeout(Duration::from_secs(1), notice.given(&clock)).await;
    assert!(looking.is_err(), "nobody gave a notice");
}
