//! Streams of events that break off, begin again, or are not there.

use std::pin::pin;

use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use zkpool_sdk::{Error, ErrorCode, ErrorKind, Status};

use crate::pool::{JOB, fixture, proved, proving, view};
use crate::server::{Reply, Request, Server};

fn event(id: &str, view: &Value) -> String {
    let data = json!({
        "id": view["id"], "circuit": view["circuit"], "state": view["state"],
        "stage": view["stage"], "attempt": view["attempt"], "tags": {},
        "accepted_at": view["accepted_at"], "finished_at": null, "failure": null,
        "charge_nano_usd": null,
    });
    format!(":\n\nid: {id}\nevent: proof\ndata: {data}\n\n")
}

fn stream(events: String) -> Reply {
    Reply::text(200, "text/event-stream", events)
}

/// A server whose job is at `views[n]` when the stream of events was opened n times.
async fn going_on(views: Vec<Value>) -> Server {
    let opened = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |_, request| {
        use std::sync::atomic::Ordering::Relaxed;
        if request.is("GET /v1/circuits/") {
            return Reply::json(200, &fixture("verification_key.json"));
        }
        if request.is(&format!("GET /v1/proofs/{JOB}/events")) {
            let number = opened.fetch_add(1, Relaxed);
            return stream(event(&number.to_string(), &views[number.min(views.len() - 1)]));
        }
        let number = opened.load(Relaxed).saturating_sub(1);
        Reply::json(200, &views[number.min(views.len() - 1)])
    })
    .await
}

async fn told(changes: impl Stream<Item = Result<Status, Error>>) -> Vec<String> {
    pin!(changes)
        .map(|status| {
            let status = status.unwrap();
            let stage = status.view().stage.map(|stage| format!(" {}", stage.name()));
            format!("{}{}", status.view().state, stage.unwrap_or_default())
        })
        .collect()
        .await
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_after_the_last_event() {
    let views =
        vec![view(JOB, "queued"), proving(JOB, "witness"), proving(JOB, "msm"), proved(JOB)];
    let server = going_on(views).await;
    let changes = server.client().stream(JOB.parse().unwrap());
    assert_eq!(told(changes).await, ["queued", "proving witness", "proving msm", "succeeded"]);
    let ids: Vec<_> = server
        .seen()
        .iter()
        .filter(|request| request.line.contains("/events"))
        .map(|request| request.header("last-event-id").map(str::to_owned))
        .collect();
    assert_eq!(ids, [None, Some("0".into()), Some("1".into()), Some("2".into())]);
}

/// A server without events whose job ends at the third look.
async fn without_events(refusal: Reply) -> Server {
    let looks = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |_, request: &Request| {
        if request.is("GET /v1/circuits/") {
            Reply::json(200, &fixture("verification_key.json"))
        } else if request.line.contains("/events") {
            refusal.clone()
        } else {
            match looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Reply::json(200, &view(JOB, "queued")),
                1 => Reply::json(200, &proving(JOB, "ntt")),
                _ => Reply::json(200, &proved(JOB)),
            }
        }
    })
    .await
}

#[tokio::test]
async fn where_there_are_no_events_the_job_is_waited_for() {
    for refusal in [
        // What an HTTP API of AWS says of a route that it does not have.
        Reply::json(404, &json!({ "message": "Not Found" })),
        Reply::problem(ErrorCode::NotFound),
        Reply::problem(ErrorCode::Unavailable),
        Reply::text(200, "text/html", "<p>buffered</p>"),
    ] {
        let server = without_events(refusal).await;
        let changes = server.client().stream(JOB.parse().unwrap());
        assert_eq!(told(changes).await, ["queued", "proving ntt", "succeeded"]);
        let waits = server.seen().iter().filter(|seen| seen.line.contains("wait=20")).count();
        assert_eq!(waits, 2);
    }
}

#[tokio::test]
async fn a_job_that_does_not_exist_ends_the_stream_with_that_error() {
    let server = Server::start(|_, _| Reply::problem(ErrorCode::NotFound)).await;
    let all: Vec<_> = server.client().stream(JOB.parse().unwrap()).collect().await;
    let [Err(error)] = &all[..] else { panic!("{all:?}") };
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_proof_at_the_end_of_a_stream_is_verified_too() {
    let mut lie = proved(JOB);
    lie["proof"]["public_inputs"][0] = "34".into();
    let server = going_on(vec![lie]).await;
    let all: Vec<_> = server.client().stream(JOB.parse().unwrap()).collect().await;
    let [Err(error)] = &all[..] else { panic!("{all:?}") };
    assert_eq!(error.kind(), ErrorKind::Untrusted);
}

#[tokio::test]
async fn the_events_of_a_project_go_on_where_they_were() {
    let server = Server::start(|number, request| {
        let from = request.header("last-event-id").unwrap_or("none").to_owned();
        match number {
            0 => stream(event("a", &view(JOB, "queued")) + &event("b", &proving(JOB, "msm"))),
            1 => Reply::Cut(10),
            2 => stream(event(&from, &view(JOB, "cancelled"))),
            _ => Reply::problem(ErrorCode::Unauthenticated),
        }
    })
    .await;
    let told: Vec<_> = server.client().project_events(Some("start".into())).collect().await;
    let ids: Vec<_> = told.iter().flatten().map(|told| told.id.clone().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "b"]);
    assert_eq!(server.seen()[0].header("last-event-id"), Some("start"));
    assert_eq!(told.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Denied);
}
