//! Many proofs at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use zkpool_sdk::ProofRequest;

use crate::pool::{fixture, proved, view};
use crate::server::{Reply, Request, Server};

const COUNT: usize = 24;
const IN_FLIGHT: usize = 6;

fn job(number: usize) -> String {
    format!("018f2e7a-0000-7000-8000-{number:012}")
}

/// A server whose jobs are numbered by their idempotency key and end the later the lower they are
/// within the window; with the number of jobs that were open at once.
async fn numbered() -> (Server, Arc<AtomicUsize>) {
    let (open, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = Server::start(move |_, request: &Request| {
        if request.is("GET /v1/circuits/") {
            return Reply::json(200, &fixture("verification_key.json"));
        }
        if let Some(key) = request.header("idempotency-key") {
            seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            return Reply::json(202, &view(&job(key.parse().unwrap()), "queued"));
        }
        open.fetch_sub(1, Ordering::SeqCst);
        let id = &request.line["GET /v1/proofs/".len()..][..36];
        let number: usize = id[24..].parse().unwrap();
        let late = Duration::from_millis(20 * (IN_FLIGHT - number % IN_FLIGHT) as u64);
        Reply::json(200, &proved(id)).later(late)
    })
    .await;
    (server, most)
}

fn requests() -> impl Iterator<Item = ProofRequest> {
    (0..COUNT).map(|n| ProofRequest::new("a", vec![7]).idempotency_key(n.to_string()))
}

#[tokio::test]
async fn results_come_in_order_and_a_bounded_number_is_in_flight() {
    let (server, most) = numbered().await;
    let proofs = server.client().prove_all(requests()).in_flight(IN_FLIGHT).in_order();
    let ids: Vec<_> = proofs.map(|proof| proof.unwrap().id().to_string()).collect().await;
    assert_eq!(ids, (0..COUNT).map(job).collect::<Vec<_>>());
    let most = most.load(Ordering::SeqCst);
    assert!((2..=IN_FLIGHT).contains(&most), "{most} in flight");
}

#[tokio::test]
async fn results_come_as_they_are_completed_each_with_its_place() {
    let (server, _) = numbered().await;
    let proofs = server.client().prove_all(requests()).in_flight(IN_FLIGHT).as_completed();
    let places: Vec<_> = proofs
        .map(|(place, proof)| {
            assert_eq!(proof.unwrap().id().to_string(), job(place));
            place
        })
        .collect()
        .await;
    assert!(!places.is_sorted(), "{places:?}");
    let mut sorted = places;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..COUNT).collect::<Vec<_>>());
}

#[tokio::test]
async fn work_is_taken_up_only_when_there_is_room_for_it() {
    let (server, _) = numbered().await;
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = requests().inspect({
        let taken = Arc::clone(&taken);
        move |_| {
            taken.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut proofs = Box::pin(server.client().prove_all(counted).in_flight(2).in_order());
    proofs.next().await.unwrap().unwrap();
    assert!(taken.load(Ordering::SeqCst) <= 3);
}
