//! The queue.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use zkpool_aws::settings::TRIES_MAX;
use zkpool_aws::{Settings, SqsQueue};
use zkpool_ports::conformance::{self, QueueUnderTest};
use zkpool_ports::queue::BODY_BYTES_MAX;
use zkpool_ports::{Clock, Depth, Message, Queue, QueueError, SystemClock};
use zkpool_tests::proxy::{Fate, Proxy, Seen, first};
use zkpool_tests::standins::Ministack;

use crate::standin::{bucket, connect, fresh, fresh_name, queues};

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
    let created = ministack.create_queues(&fresh_name(), conformance::RECEIVES_MAX);
    let settings = Settings { jobs: queues(created.live, created.dead), ..bucket("none") };
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
    let created = ministack.create_queues(&fresh_name(), conformance::RECEIVES_MAX);
    let through = |url: &str| url.replace(&ministack.url, &proxy.url);
    let jobs = queues(through(&created.live), through(&created.dead));
    let settings = Settings { jobs, ..bucket("none") };
    connect(&proxy.url, &settings).await.queue
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_sending_was_refused_is_sent_again() {
    let ministack = Ministack::start();
    let outage = first(2, is_send, Fate::Refused(503, "ServiceUnavailable"));
    let proxy = Proxy::start(&ministack.url, outage);
    let queue = behind(&proxy, &ministack).await;
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    assert_eq!(proxy.failed().len(), 2);
    assert_eq!(queue.receive(10, LONG, WAIT).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_sending_was_not_answered_comes_at_least_once() {
    let ministack = Ministack::start();
    let proxy = Proxy::start(&ministack.url, first(1, is_send, Fate::AppliedButUnanswered));
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
    let proxy = Proxy::start(&ministack.url, endless);
    let queue = behind(&proxy, &ministack).await;
    let sent = queue.send(message("1"), Duration::ZERO).await;
    assert!(matches!(sent, Err(QueueError::Queue(_))), "{sent:?}");
    assert_eq!(proxy.failed().len(), usize::try_from(TRIES_MAX).unwrap());
}

fn is_batch(seen: &Seen) -> bool {
    seen.target.as_deref() == Some("AmazonSQS.SendMessageBatch")
}

fn messages(count: usize) -> Vec<Message> {
    (0..count).map(|id| message(&id.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_go_in_batches_of_ten_and_within_the_bytes_of_one_call() {
    let ministack = Ministack::start();
    let proxy = Proxy::start(&ministack.url, |_| Fate::Passes);
    let queue = behind(&proxy, &ministack).await;
    let calls = || proxy.seen().into_iter().filter(is_batch).count();
    assert!(queue.send_all(Vec::new()).await.is_empty());
    assert_eq!(calls(), 0);
    assert!(queue.send_all(messages(25)).await.iter().all(Result::is_ok));
    assert_eq!(calls(), 3);
    let large = |message: Message| Message { body: "x".repeat(BODY_BYTES_MAX / 2), ..message };
    let large: Vec<_> = messages(4).into_iter().map(large).collect();
    assert!(queue.send_all(large).await.iter().all(Result::is_ok));
    assert_eq!(calls(), 3 + 4);
    assert_eq!(queue.receive(40, LONG, WAIT).await.unwrap().len(), 29);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_leaves_out_is_sent_by_itself_unless_the_sender_is_to_blame() {
    let partly = r#"{
        "Successful": [{ "Id": "0", "MessageId": "0", "MD5OfMessageBody": "" }],
        "Failed": [
            { "Id": "1", "SenderFault": false, "Code": "InternalError" },
            { "Id": "2", "SenderFault": true, "Code": "InvalidMessageContents" }
        ]
    }"#;
    let ministack = Ministack::start();
    let proxy = Proxy::start(&ministack.url, first(1, is_batch, Fate::Answered(partly)));
    let queue = behind(&proxy, &ministack).await;
    let sent = queue.send_all(messages(3)).await;
    assert!(matches!(sent[..], [Ok(()), Ok(()), Err(QueueError::Queue(_))]), "{sent:?}");
    let error = format!("{:?}", sent[2]);
    assert!(error.contains("InvalidMessageContents"), "{error}");
    // The first one was taken by the answer alone.
    let received = queue.receive(10, LONG, WAIT).await.unwrap();
    let received: Vec<_> = received.into_iter().map(|delivery| delivery.message).collect();
    assert_eq!(received, [message("1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_as_a_whole_is_tried_again_and_then_fails_for_each_message() {
    let ministack = Ministack::start();
    let endless = first(usize::MAX, is_batch, Fate::Refused(500, "InternalError"));
    let proxy = Proxy::start(&ministack.url, endless);
    let queue = behind(&proxy, &ministack).await;
    let sent = queue.send_all(messages(3)).await;
    assert!(sent.len() == 3 && sent.iter().all(Result::is_err), "{sent:?}");
    assert_eq!(proxy.failed().len(), usize::try_from(TRIES_MAX).unwrap());
}

/// SQS is fair between message groups of a standard queue. The stand-in is not, so that all that
/// can be held here is what SQS needs for it.
#[tokio::test(flavor = "multi_thread")]
async fn every_message_names_its_project_as_its_group_however_it_is_sent() {
    let ministack = Ministack::start();
    let created = ministack.create_queues(&fresh_name(), conformance::RECEIVES_MAX);
    let jobs = queues(created.live.clone(), created.dead);
    let settings = Settings { jobs, ..bucket("none") };
    let queue = connect(&ministack.url, &settings).await.queue;
    queue.send(message("alone"), Duration::ZERO).await.unwrap();
    assert!(queue.send_all(messages(2)).await.iter().all(Result::is_ok));
    queue.send(message("back"), Duration::ZERO).await.unwrap();
    let back = queue.receive(4, LONG, WAIT).await.unwrap();
    for delivery in &back {
        queue.release(&delivery.receipt).await.unwrap();
    }
    let asked = json!({
        "QueueUrl": created.live,
        "MaxNumberOfMessages": 10,
        "MessageSystemAttributeNames": ["All"],
    });
    let raw = ministack.sqs("ReceiveMessage", &asked);
    let group = |message: &Value| message["Attributes"]["MessageGroupId"].clone();
    let mut groups: Vec<_> = raw["Messages"].as_array().unwrap().iter().map(group).collect();
    groups.sort_by_key(Value::to_string);
    assert_eq!(groups, ["p0", "p1", "palone", "pback"]);
}
