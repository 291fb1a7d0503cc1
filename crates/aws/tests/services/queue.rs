//! The queue.

use std::sync::Arc;
use std::time::Duration;

use zkpool_aws::Settings;
use zkpool_ports::conformance::{self, QueueUnderTest};
use zkpool_ports::{Clock, Depth, Message, Queue, QueueError, SystemClock};
use zkpool_tests::standins::Ministack;

use crate::standin::{bucket, connect, fresh, fresh_name};

/// A visibility that does not end within a test.
const LONG: Duration = Duration::from_secs(600);

/// How long a message that is there may take to be received.
const WAIT: Duration = Duration::from_secs(5);

fn message(id: &str) -> Message {
    Message { id: id.to_owned(), group: format!("p{id}"), body: format!("body of {id}") }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_conforms_on_ministack() {
    let ministack = Ministack::start();
    let make = async || QueueUnderTest {
        queue: Arc::new(fresh(&ministack).await.queue),
        advance: Box::new(|time| Box::pin(async move { SystemClock::new().sleep(time).await })),
    };
    conformance::queue(make).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_handed_back_half_way_is_a_dead_letter_after_as_many_deliveries() {
    let ministack = Ministack::start();
    let queue = fresh(&ministack).await.queue;
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    let mut counts = Vec::new();
    // The third delivery is handed back, uncounted; the fourth is the third that counts.
    for delivery in 1..=4 {
        let received = queue.receive(1, LONG, WAIT).await.unwrap().remove(0);
        counts.push(received.receive_count);
        match delivery {
            3 => queue.release(&received.receipt).await.unwrap(),
            _ => queue.extend(&received.receipt, Duration::ZERO).await.unwrap(),
        }
    }
    assert_eq!(counts, [1, 2, 3, 3]);
    assert!(queue.receive(1, LONG, Duration::from_secs(1)).await.unwrap().is_empty());
    let dead = queue.receive_dead(1, LONG).await.unwrap();
    assert_eq!(dead[0].message, message("1"));
    assert_eq!(dead[0].receive_count, conformance::RECEIVES_MAX);
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_in_batches_with_their_ids_and_groups() {
    let ministack = Ministack::start();
    let queue = fresh(&ministack).await.queue;
    let mut sent: Vec<_> = (0..25).map(|id| message(&id.to_string())).collect();
    for message in &sent {
        queue.send(message.clone(), Duration::ZERO).await.unwrap();
    }
    let received = queue.receive(23, LONG, WAIT).await.unwrap();
    assert_eq!(received.len(), 23);
    let rest = queue.receive(23, LONG, WAIT).await.unwrap();
    let all = received.into_iter().chain(rest).map(|delivery| delivery.message);
    let mut all: Vec<_> = all.collect();
    sent.sort_by(|a, b| a.id.cmp(&b.id));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(all, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_another_process_gives_no_right() {
    let ministack = Ministack::start();
    let (name, settings) = (fresh_name(), bucket("none"));
    let queues = ministack.create_queues(&name, conformance::RECEIVES_MAX);
    let settings =
        Settings { queue_url: queues.live, dead_letter_queue_url: queues.dead, ..settings };
    let (one, other) =
        (connect(&ministack.url, &settings).await, connect(&ministack.url, &settings).await);
    one.queue.send(message("1"), Duration::ZERO).await.unwrap();
    let received = one.queue.receive(1, LONG, WAIT).await.unwrap().remove(0);
    let stolen = other.queue.delete(&received.receipt).await;
    assert!(matches!(stolen, Err(QueueError::ReceiptExpired)), "{stolen:?}");
    one.queue.delete(&received.receipt).await.unwrap();
}
