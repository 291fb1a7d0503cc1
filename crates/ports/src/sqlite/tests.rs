use std::os::unix::fs::MetadataExt;

use futures_util::FutureExt;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::conformance::{self, QueueUnderTest};
use crate::{SystemClock, VirtualClock};

const LONG: Duration = Duration::from_secs(600);

fn message(id: &str) -> Message {
    Message { id: id.to_owned(), group: "p".to_owned(), body: String::new() }
}

fn open(dir: &TempDir, clock: Arc<dyn Clock>) -> SqliteQueue {
    SqliteQueue::open(dir.path().join("queue.db"), conformance::queue_policy(), clock).unwrap()
}

fn open_in_real_time(dir: &TempDir) -> SqliteQueue {
    open(dir, Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn the_queue_conforms() {
    let dirs = tempfile::tempdir().unwrap();
    let make = async || -> QueueUnderTest {
        let clock = Arc::new(VirtualClock::new());
        let path = tempfile::NamedTempFile::new_in(dirs.path()).unwrap().into_temp_path();
        let path = path.keep().unwrap();
        let time = Arc::<VirtualClock>::clone(&clock);
        let queue = SqliteQueue::open(path, conformance::queue_policy(), time).unwrap();
        conformance::under_virtual_time(Arc::new(queue), clock)
    };
    conformance::queue(make).await.unwrap();
    conformance::ordered_queue(make).await.unwrap();
}

#[tokio::test]
async fn messages_and_deliveries_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(VirtualClock::new());
    let first = open(&dir, Arc::<VirtualClock>::clone(&clock));
    first.send(message("1"), Duration::ZERO).await.unwrap();
    first.send(message("2"), Duration::ZERO).await.unwrap();
    let held = first.receive(1, LONG, Duration::ZERO).await.unwrap();
    drop(first);

    let second = open(&dir, clock);
    let depth = Depth { visible: 1, in_flight: 1, delayed: 0 };
    assert_eq!(second.depth().await.unwrap(), depth);
    second.delete(&held[0].receipt).await.unwrap();
    let rest = second.receive(10, LONG, Duration::ZERO).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].message.id, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_wakes_a_receiver_of_its_process_before_the_poll() {
    let dir = tempfile::tempdir().unwrap();
    let queue = Arc::new(open_in_real_time(&dir));
    let clock = SystemClock::new();
    let mut latencies = Vec::new();
    for id in 0..20 {
        let waiting = Arc::clone(&queue);
        let receiver = tokio::spawn(async move { waiting.receive(1, LONG, LONG).await });
        clock.sleep(Duration::from_millis(5)).await;
        let sent = clock.elapsed();
        queue.send(message(&id.to_string()), Duration::ZERO).await.unwrap();
        assert_eq!(receiver.await.unwrap().unwrap().len(), 1);
        latencies.push(clock.elapsed() - sent);
    }
    latencies.sort();
    assert!(latencies[10] < Duration::from_millis(5), "{latencies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_finds_messages_of_another_process_by_polling() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open_in_real_time(&dir), open_in_real_time(&dir));
    let receiver = tokio::spawn(async move { one.receive(1, LONG, LONG).await });
    two.send(message("1"), Duration::ZERO).await.unwrap();
    assert_eq!(receiver.await.unwrap().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_share_a_queue_without_losing_or_repeating_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let path = dir.path().join("queue.db");
            tokio::task::spawn_blocking(move || {
                let clock = Arc::new(SystemClock::new());
                SqliteQueue::open(path, conformance::queue_policy(), clock).unwrap()
            })
        })
        .collect();
    let mut workers = Vec::new();
    for (process, queue) in futures_util::future::join_all(opening).await.into_iter().enumerate() {
        let queue = queue.unwrap();
        workers.push(tokio::spawn(async move {
            let mut received = Vec::new();
            for id in 0..50 {
                queue.send(message(&format!("{process}.{id}")), Duration::ZERO).await.unwrap();
                for delivery in queue.receive(1, LONG, Duration::ZERO).await.unwrap() {
                    queue.delete(&delivery.receipt).await.unwrap();
                    received.push(delivery.message.id);
                }
            }
            received
        }));
    }
    let received = futures_util::future::join_all(workers).await;
    let mut received: Vec<_> = received.into_iter().flat_map(Result::unwrap).collect();
    received.sort();
    received.dedup();
    assert_eq!(received.len(), 200);
}

#[tokio::test]
async fn a_delivery_that_nobody_waits_for_any_more_goes_back_uncounted() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_in_real_time(&dir);
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    for _ in 0..20 {
        // The receiver gives up right after its first step, mostly while the database works.
        if let Some(received) = queue.receive(1, LONG, LONG).now_or_never() {
            for delivery in received.unwrap() {
                queue.release(&delivery.receipt).await.unwrap();
            }
        }
    }
    let delivery = queue.receive(1, LONG, Duration::from_secs(5)).await.unwrap();
    assert_eq!(delivery[0].receive_count, 1);
}

#[tokio::test]
async fn a_clock_set_back_delays_messages_and_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(VirtualClock::new());
    let queue = open(&dir, Arc::<VirtualClock>::clone(&clock));
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    clock.step_wall_clock(SignedDuration::from_mins(-10));
    assert!(queue.receive(1, LONG, Duration::ZERO).await.unwrap().is_empty());
    clock.advance(LONG);
    assert_eq!(queue.receive(1, LONG, Duration::ZERO).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_file_is_its_owner_s_only() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_in_real_time(&dir);
    queue.send(message("1"), Duration::ZERO).await.unwrap();
    for name in ["queue.db", "queue.db-wal"] {
        assert_eq!(dir.path().join(name).metadata().unwrap().mode() & 0o777, 0o600, "{name}");
    }
}

fn refusal(path: &Path) -> QueueOpenError {
    let clock = Arc::new(SystemClock::new());
    SqliteQueue::open(path, conformance::queue_policy(), clock).unwrap_err()
}

#[test]
fn a_file_that_is_no_database_is_rejected_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let text = "not a database, but long enough to be mistaken for one ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(refusal(&path), QueueOpenError::Database { .. }));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn another_application_s_database_is_rejected_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(refusal(&path), QueueOpenError::Foreign { found: 0, .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn another_version_s_queue_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    drop(open_in_real_time(&dir));
    let path = dir.path().join("queue.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(refusal(&path), QueueOpenError::Version { found: 2, .. }));
}

#[test]
fn a_directory_in_place_of_the_file_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(refusal(dir.path()), QueueOpenError::File { .. }));
}

#[tokio::test]
async fn ten_thousand_waiting_messages_slow_nobody_down() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open_in_real_time(&dir);
    queue
        .file
        .in_transaction(Immediate, |connection, now| {
            for id in 0..10_000 {
                let group = format!("group {}", id % 100);
                let message = Message { id: id.to_string(), group, body: String::new() };
                statements::add(connection, &message, now)?;
            }
            Ok(())
        })
        .unwrap();
    let clock = SystemClock::new();
    for _ in 0..100 {
        assert_eq!(queue.receive(1, LONG, Duration::ZERO).await.unwrap().len(), 1);
        assert!(queue.position("9999").await.unwrap().is_some());
    }
    assert!(clock.elapsed() < Duration::from_secs(2), "{:?} for 100", clock.elapsed());
}
