//! What is sent again, how often, and what is made of refusals.

use std::time::{Duration, Instant};

use serde_json::json;
use zkpool_sdk::types::Scope;
use zkpool_sdk::{Error, ErrorCode, ErrorKind, ProofRequest};

use crate::pool::{JOB, view};
use crate::server::{Reply, Server};

fn accepted() -> Reply {
    Reply::json(202, &view(JOB, "queued"))
}

#[tokio::test]
async fn a_submission_whose_answers_are_cut_off_is_sent_again_as_the_same_request() {
    // Before the head, within the head, within the body.
    let server = Server::start(|number, _| match number {
        0 => Reply::Cut(0),
        1 => Reply::Cut(20),
        2 => Reply::Cut(300),
        _ => accepted(),
    })
    .await;
    let client = server.client();
    let submission = client.prepare(ProofRequest::new("multiplier", vec![7])).await.unwrap();
    let submitted = client.submit(&submission).await.unwrap();
    assert_eq!((submitted.id.to_string().as_str(), submitted.replayed), (JOB, false));
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for request in &seen {
        assert_eq!(request.body, seen[0].body);
        assert_eq!(request.header("idempotency-key"), Some(submission.idempotency_key()));
    }
}

#[tokio::test]
async fn a_stored_submission_is_byte_for_byte_the_same_request_in_another_process() {
    let server = Server::start(|number, _| match number {
        0 => accepted(),
        _ => Reply::json(200, &view(JOB, "queued")).with("idempotency-replayed", "true"),
    })
    .await;
    let request = ProofRequest::new("multiplier", vec![7]).tag("batch", "1");
    let submission = server.client().prepare(request).await.unwrap();
    let stored = serde_json::to_vec(&submission).unwrap();
    assert!(!server.client().submit(&submission).await.unwrap().replayed);
    let found = serde_json::from_slice(&stored).unwrap();
    assert!(server.client().submit(&found).await.unwrap().replayed);
    let [first, second] = &server.seen()[..] else { panic!("not two requests") };
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
}

#[tokio::test]
async fn an_overloaded_server_is_left_alone_as_long_as_it_asks() {
    let server = Server::start(|number, _| match number {
        0 => Reply::problem(ErrorCode::Unavailable).with("retry-after", "1"),
        _ => accepted(),
    })
    .await;
    let client = server.client();
    let submission = client.prepare(ProofRequest::new("multiplier", vec![7])).await.unwrap();
    let start = Instant::now();
    client.submit(&submission).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_asks_for_more_time_than_there_is_fails_the_call_at_once() {
    let server =
        Server::start(|_, _| Reply::problem(ErrorCode::Unavailable).with("retry-after", "3600"))
            .await;
    let client = server.builder().deadline(Duration::from_secs(5)).build().unwrap();
    let start = Instant::now();
    let error = client.circuits().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Passing, Some(ErrorCode::Unavailable)));
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn retries_end() {
    let server = Server::start(|_, _| Reply::text(502, "text/html", "<h1>bad gateway</h1>")).await;
    let error = server.client().circuits().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let start = Instant::now();
    let error = server.client().circuits().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Passing);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn refusals_are_not_sent_again_and_say_what_to_do() {
    for (code, kind) in [
        (ErrorCode::IdempotencyConflict, ErrorKind::Refused),
        (ErrorCode::InvalidWitness, ErrorKind::Refused),
        (ErrorCode::Unauthenticated, ErrorKind::Denied),
        (ErrorCode::ScopeMissing, ErrorKind::Denied),
        (ErrorCode::NotFound, ErrorKind::NotFound),
        (ErrorCode::Internal, ErrorKind::ServerFault),
    ] {
        let server = Server::start(move |_, _| Reply::problem(code)).await;
        let error = server.client().prove(ProofRequest::new("a", vec![7])).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, Some(code)));
        assert_eq!(server.seen().len(), 1, "{code} was sent again");
    }
}

#[tokio::test]
async fn a_key_is_never_created_twice() {
    let server = Server::start(|_, _| Reply::Cut(20)).await;
    let error = server.client().create_key(&[Scope::Read]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Passing);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn what_is_no_api_is_told_from_one() {
    for reply in [
        Reply::text(200, "text/html", "<h1>Log in to this network</h1>"),
        Reply::text(404, "text/html", "<h1>not found</h1>"),
        Reply::json(200, &json!({ "items": 7 })),
    ] {
        let server = Server::start(move |_, _| reply.clone()).await;
        let error = server.client().circuits().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirect() {
    let trap = Server::start(|_, _| Reply::json(200, &json!({ "items": [], "next": null }))).await;
    let elsewhere = format!("{}/v1/circuits", trap.url);
    let server =
        Server::start(move |_, _| Reply::text(302, "text/plain", "").with("location", &elsewhere))
            .await;
    assert_eq!(server.client().circuits().await.unwrap_err().kind(), ErrorKind::Untrusted);
    assert_eq!(trap.seen().len(), 0);
}
