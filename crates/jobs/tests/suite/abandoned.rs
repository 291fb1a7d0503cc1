//! Claims that are given up while they wait.

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use zkpool_jobs::{Jobs, Ports};
use zkpool_ports::memory::MemoryQueue;
use zkpool_ports::{Delivery, Depth, Message, Queue, QueueError, ReceiptHandle};
use zkpool_types::limits::CLAIM_VISIBILITY_S;

use crate::support::{book, new_job, world};

#[tokio::test]
async fn a_claim_that_stops_waiting_leaves_the_queue_as_it_was() {
    let world = world();
    let wait = Duration::from_secs(20);
    assert!(world.jobs.claim_unless(wait, ready(())).await.unwrap().is_none());
    world.jobs.submit(new_job("a")).await.unwrap();
    assert_eq!(world.claim().await.attempt.number, 1);
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_any_more_is_hidden_for_seconds_only() {
    let world = world();
    let job = world.jobs.submit(new_job("a")).await.unwrap().request.id;
    let ports = Ports { queue: Arc::new(Unanswered(world.queue.clone())), ..world.ports.clone() };
    let stopping = Jobs::new(ports, book());
    assert!(stopping.claim_unless(Duration::ZERO, ready(())).await.unwrap().is_none());
    world.pass(CLAIM_VISIBILITY_S - 1);
    assert!(world.claims_nothing().await, "it was handed out");
    world.pass(1);
    assert_eq!(world.claim().await.request.id, job);
}

/// A queue that hands messages out to somebody who does not hear of it.
#[derive(Debug)]
struct Unanswered(Arc<MemoryQueue>);

#[async_trait]
impl Queue for Unanswered {
    async fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.0.receive(max, visibility, wait).await?;
        pending().await
    }

    async fn send(&self, message: Message, delay: Duration) -> Result<(), QueueError> {
        self.0.send(message, delay).await
    }

    async fn delete(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.0.delete(receipt).await
    }

    async fn extend(
        &self,
        receipt: &ReceiptHandle,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        self.0.extend(receipt, visibility).await
    }

    async fn release(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.0.release(receipt).await
    }

    async fn receive_dead(
        &self,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.0.receive_dead(max, visibility).await
    }

    async fn delete_dead(&self, receipt: &ReceiptHandle) -> Result<(), QueueError> {
        self.0.delete_dead(receipt).await
    }

    async fn position(&self, id: &str) -> Result<Option<u64>, QueueError> {
        self.0.position(id).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.0.depth().await
    }
}
