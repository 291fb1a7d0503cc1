//! Proofs and receipts that do not hold are told from those that do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;
use zkpool_sdk::{Error, ErrorCode, ErrorKind, ProofRequest, ReceiptCheck, Status, WrongProof};

use crate::pool::{CIRCUIT, JOB, fixture, proved, view};
use crate::server::{Reply, Request, Server};

/// A server that shows this job, and the fixture's verification key.
async fn showing(view: Value) -> Server {
    Server::start(move |_, request| shown(request, &view)).await
}

fn shown(request: &Request, view: &Value) -> Reply {
    if request.is("GET /v1/circuits/") {
        Reply::json(200, &fixture("verification_key.json"))
    } else {
        Reply::json(202, view)
    }
}

async fn status_of(view: Value) -> Result<Status, Error> {
    let server = showing(view).await;
    server.client().status(JOB.parse().unwrap()).await
}

fn why(result: Result<Status, Error>) -> WrongProof {
    match result.unwrap_err() {
        Error::WrongProof { job, why } => {
            assert_eq!(job.to_string(), JOB);
            why
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_proof_that_holds_is_handed_out_with_its_receipt() {
    let server = showing(proved(JOB)).await;
    let proof = server.client().prove(ProofRequest::new("multiplier", vec![7])).await.unwrap();
    assert_eq!(json!(proof.public_inputs()), fixture("public.json"));
    assert_eq!(proof.receipt_check(), &ReceiptCheck::Recomputed);
    assert!(proof.calldata().unwrap().starts_with("[\"0x"));
}

#[tokio::test]
async fn a_proof_of_another_statement_is_rejected() {
    let mut lie = proved(JOB);
    lie["proof"]["public_inputs"][0] = "34".into();
    assert!(matches!(why(status_of(lie).await), WrongProof::Invalid));
}

#[tokio::test]
async fn a_proof_with_another_point_is_rejected() {
    let mut lie = proved(JOB);
    lie["proof"]["proof"]["pi_c"] = lie["proof"]["proof"]["pi_a"].clone();
    assert!(matches!(why(status_of(lie).await), WrongProof::Invalid));
}

#[tokio::test]
async fn what_is_no_proof_is_rejected() {
    for (at, value) in [
        ("/proof/proof/pi_a/0", json!("1")),
        ("/proof/proof/protocol", json!("plonk")),
        ("/proof/public_inputs/0", json!("-1")),
        ("/proof/public_inputs", json!([])),
    ] {
        let mut lie = proved(JOB);
        *lie.pointer_mut(at).unwrap() = value;
        assert!(matches!(why(status_of(lie).await), WrongProof::Malformed(_)), "{at}");
    }
}

#[tokio::test]
async fn success_without_a_proof_is_rejected() {
    for missing in ["proof", "receipt"] {
        let mut lie = proved(JOB);
        lie[missing] = Value::Null;
        assert_eq!(status_of(lie).await.unwrap_err().kind(), ErrorKind::Untrusted);
    }
}

#[tokio::test]
async fn a_proof_of_a_development_key_is_handed_out_only_to_whoever_asked_for_those() {
    let mut forgeable = proved(JOB);
    forgeable["proof"]["development"] = true.into();
    let server = showing(forgeable).await;
    let job = JOB.parse().unwrap();
    assert!(matches!(why(server.client().status(job).await), WrongProof::Development));
    let client = server.builder().accept_development_keys().build().unwrap();
    assert!(matches!(client.status(job).await.unwrap(), Status::Proved(_)));
}

#[tokio::test]
async fn a_pinned_key_is_used_in_place_of_the_servers() {
    // Under the key that this server names, the proof does not hold.
    let mut other = fixture("verification_key.json");
    let points = other["IC"].as_array_mut().unwrap();
    points.swap(0, 1);
    let server = Server::start(move |_, request| {
        let is_key = request.is("GET /v1/circuits/");
        Reply::json(200, &if is_key { other.clone() } else { proved(JOB) })
    })
    .await;
    let job = JOB.parse().unwrap();
    assert!(matches!(why(server.client().status(job).await), WrongProof::Invalid));
    let pinned = fixture("verification_key.json");
    let builder = server.builder().verification_key(CIRCUIT.parse().unwrap(), pinned);
    let status = builder.build().unwrap().status(job).await.unwrap();
    assert!(matches!(status, Status::Proved(_)));
}

#[tokio::test]
async fn the_verification_key_is_fetched_once_for_many_proofs() {
    let server = showing(proved(JOB)).await;
    let client = server.client();
    let job = JOB.parse().unwrap();
    let statuses = futures_util::future::join_all((0..20).map(|_| client.status(job))).await;
    assert!(statuses.iter().all(Result::is_ok));
    let keys = server.seen().iter().filter(|request| request.is("GET /v1/circuits/")).count();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn a_caller_that_is_not_polled_does_not_hold_up_others_who_wait_for_the_same_key() {
    let server = Server::start(|_, request| match shown(request, &proved(JOB)) {
        key if request.is("GET /v1/circuits/") => key.later(Duration::from_millis(200)),
        shown => shown,
    })
    .await;
    let (client, job) = (server.client(), JOB.parse().unwrap());
    let mut left_alone = Box::pin(client.status(job));
    while !server.seen().iter().any(|request| request.is("GET /v1/circuits/")) {
        let look = timeout(Duration::from_millis(5), &mut left_alone);
        assert!(look.await.is_err(), "it does not wait for the key");
    }
    let status = timeout(Duration::from_secs(30), client.status(job)).await;
    assert!(matches!(status.expect("it waits for ever").unwrap(), Status::Proved(_)));
    assert!(matches!(left_alone.await.unwrap(), Status::Proved(_)));
}

#[tokio::test]
async fn a_charge_that_is_not_what_the_usage_comes_to_is_told() {
    let check = async |receipt: &dyn Fn(&mut Value)| {
        let mut view = proved(JOB);
        receipt(&mut view["receipt"]);
        match status_of(view).await.unwrap() {
            Status::Proved(proof) => proof.receipt_check().clone(),
            other => panic!("{other:?}"),
        }
    };
    let dearer = check(&|receipt| receipt["charge_nano_usd"] = 1_000_000.into()).await;
    assert!(matches!(dearer, ReceiptCheck::Wrong(_)), "{dearer:?}");
    let other = check(&|receipt| receipt["price_book"] = "1999-01-01".into()).await;
    assert!(matches!(other, ReceiptCheck::OtherPriceBook { .. }), "{other:?}");
}

#[tokio::test]
async fn a_job_that_failed_says_why() {
    let mut failed = view(JOB, "failed");
    failed["failure"] = json!({ "code": "unsatisfied_witness", "detail": "constraint 7" });
    let server = showing(failed).await;
    let error = server.client().prove(ProofRequest::new("a", vec![7])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotProved);
    assert!(error.to_string().contains("constraint 7"), "{error}");
    let Error::NotProved(ended) = error else { panic!("another error") };
    assert_eq!(ended.failure().unwrap().code, ErrorCode::UnsatisfiedWitness);
}

#[tokio::test]
async fn an_outage_is_sat_out_while_a_proof_is_waited_for() {
    // Far more failures than a call by itself is sent again for.
    let server = Server::start(|number, request| match number {
        0..10 => Reply::Cut(0),
        10..20 => Reply::problem(ErrorCode::Unavailable),
        _ => shown(request, &proved(JOB)),
    })
    .await;
    let status = server.client().wait(JOB.parse().unwrap()).await.unwrap();
    assert!(matches!(status, Status::Proved(_)));
}

#[tokio::test]
async fn a_wait_ends_when_its_time_is_up_and_does_not_hammer_the_server() {
    let server = showing(view(JOB, "queued")).await;
    let (client, start) = (server.client(), Instant::now());
    let waited = client.wait_at_most(JOB.parse().unwrap(), Duration::from_millis(1200)).await;
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::NotEnded);
    assert!((1200..4000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert!(server.seen().len() <= 7, "{} requests", server.seen().len());
}

#[tokio::test]
async fn calls_can_be_spawned_on_any_thread() {
    let server = showing(proved(JOB)).await;
    let client = server.client();
    let proof = tokio::spawn(async move { client.prove(ProofRequest::new("a", vec![7])).await });
    assert!(proof.await.unwrap().is_ok());
}
