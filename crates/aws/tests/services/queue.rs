//! The queue.

use std::sync::Arc;
use std::time::Duration;

use zkpool_aws::settings::TRIES_MAX;
use zkpool_aws::{Settings, SqsQueue};
use zkpool_ports::conformance::{self, QueueUnderTest};
use zkpool_ports::{Clock, Depth, Message, Queue, QueueError, SystemClock};
use zkpool_tests::standins::Ministack;

use crate::proxy::{Fate, Proxy, Seen, first};
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

fn is_send(seen: &Seen) -> bool {
    seen.target.as_deref() == Some("AmazonSQS.SendMessage")
}

/// A queue of this ministack behind a proxy.
async fn behind(proxy: &Proxy, ministack: &Ministack) -> SqsQueue {
    let name = fresh_name();
    let queues = ministack.create_queues(&name, conformance::RECEIVES_MAX);
    let through = |url: &str| url.replace(&ministack.url, &proxy.url);
    let settings = Settings {
        queue_url: through(&queues.live),
        dead_letter_queue_url: through(&queues.dead),
        ..bucket("none")
    };
    connect(&proxy.url, &settings).await.queue
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_sending_was_refused_is_sent_again() {
    let ministack = Ministack::start();
    let outage = first(2, is_send, Fate::Refused(503, "ServiceUnavailable"));
    let proxy = Proxy::start(&ministack.url, outage).await;
    let queue = behind(&proxy, &ministack).await;
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    assert_eq!(proxy.failed().len(), 2);
    assert_eq!(queue.receive(10, LONG, WAIT).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_sending_was_not_answered_comes_at_least_once() {
    let ministack = Ministack::start();
    let proxy = Proxy::start(&ministack.url, first(1, is_send, Fate::AppliedButUnanswered)).await;
    let queue = behind(&proxy, &ministack).await;
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    let received = queue.receive(10, LONG, WAIT).await.unwrap();
    assert!(!received.is_empty());
    assert!(received.iter().all(|delivery| delivery.message == message("1")), "{received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_does_not_end_is_an_error() {
    let ministack = Ministack::start();
    let endless = first(usize::MAX, is_send, Fate::Refused(500, "InternalError"));
    let proxy = Proxy::start(&ministack.url, endless).await;
    let queue = behind(&proxy, &ministack).await;
    let sent = queue.send(message("1"), Duration::ZERO).await;
    assert!(matches!(sent, Err(QueueError::Queue(_))), "{sent:?}");
    assert_eq!(proxy.failed().len(), usize::try_from(TRIES_MAX).unwrap());
}
