//! Messages that are lost, repeated, or handled by somebody who dies.

use std::time::Duration;

use jiff::SignedDuration;
use zkpool_jobs::keys;
use zkpool_ports::Message;
use zkpool_types::webhook::{Notice, NoticeOf};

use crate::world::World;

#[tokio::test]
async fn the_notice_of_a_job_that_was_lost_is_sent_again_by_the_sweep_of_jobs() {
    let world = World::new();
    world.webhook(&[]).await;
    world.cancelled("a").await;
    assert_eq!(world.lose_notices().await, 1);
    world.clock.advance(Duration::from_secs(120));
    assert_eq!(world.jobs.sweep().await.errors, 0);
    world.work().await;
    assert_eq!(world.receiver.count(), 1);
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(900));
        world.jobs.sweep().await;
        world.work().await;
    }
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn a_job_whose_end_is_not_told_yet_is_looked_at_again_however_old_it_is() {
    let world = World::new();
    world.webhook(&[]).await;
    let job = world.submit("a").await;
    world.clock.advance(Duration::from_secs(3600));
    world.jobs.cancel(&world.project, job).await.unwrap();
    assert_eq!(world.lose_notices().await, 1);
    world.jobs.sweep().await;
    world.clock.advance(Duration::from_secs(120));
    world.jobs.sweep().await;
    world.work().await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn a_notice_is_sent_again_however_often_it_is_lost() {
    let world = World::new();
    world.webhook(&[]).await;
    let job = world.submit("a").await;
    world.clock.advance(Duration::from_secs(3600));
    world.jobs.cancel(&world.project, job).await.unwrap();
    for _ in 0..5 {
        assert_eq!(world.lose_notices().await, 1);
        world.clock.advance(Duration::from_secs(120));
        assert_eq!(world.jobs.sweep().await.errors, 0);
    }
    world.work().await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn what_ended_by_a_clock_that_is_slow_is_told() {
    let world = World::new();
    world.webhook(&[]).await;
    world.clock.step_wall_clock(SignedDuration::from_mins(-10));
    world.cancelled("a").await;
    world.work().await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn a_try_whose_message_was_lost_is_made_after_the_next_sweep() {
    let world = World::new();
    world.webhook(&[]).await;
    world.receiver.answer([500]);
    world.cancelled("a").await;
    world.work().await;
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.lose_notices().await, 1);
    world.pass(Duration::from_secs(120)).await;
    assert_eq!(world.receiver.count(), 2);
}

#[tokio::test]
async fn a_notice_that_comes_twice_is_told_once() {
    let world = World::new();
    world.webhook(&[]).await;
    let job = world.cancelled("a").await;
    world.work().await;
    let notice = Notice { project: world.project.clone(), what: NoticeOf::Ended(job) };
    let body = serde_json::to_string(&notice).unwrap();
    let message = Message { id: "again".into(), group: "acme".into(), body };
    world.ports.notices.send(message, Duration::ZERO).await.unwrap();
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn marks_are_gone_when_everything_was_told() {
    let world = World::new();
    world.webhook(&[]).await;
    world.webhook(&[]).await;
    world.receiver.answer([500, 503]);
    world.cancelled("a").await;
    world.work().await;
    world.pass(Duration::from_secs(3600)).await;
    let marks = keys::webhook_due_marks(&world.project);
    assert!(world.ports.blobs.list(&marks, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_dies_before_the_event_is_written_leaves_nothing_undone() {
    let world = World::new();
    world.webhook(&[]).await;
    let job = world.cancelled("a").await;
    // The notice was received, the mark written, and then nothing more.
    let held = world.ports.notices.receive(1, Duration::from_secs(60), Duration::ZERO).await;
    assert_eq!(held.unwrap().len(), 1);
    let event = keys::webhook_event(&world.project, zkpool_types::EventId::of_job(job));
    assert!(world.ports.blobs.head(&event).await.unwrap().is_none());
    world.pass(Duration::from_secs(120)).await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn what_is_no_notice_becomes_a_dead_letter_and_is_cleared_away() {
    let world = World::new();
    let message = Message { id: "x".into(), group: "acme".into(), body: "{}".into() };
    world.ports.notices.send(message, Duration::ZERO).await.unwrap();
    for _ in 0..6 {
        let notices = world.ports.notices.receive(1, Duration::from_secs(1), Duration::ZERO).await;
        for notice in notices.unwrap() {
            assert!(world.webhooks.handle(&notice.message.body, &world.receiver).await.is_err());
        }
        world.clock.advance(Duration::from_secs(2));
    }
    assert_eq!(world.sweep().await.dead_lettered, 1);
    assert_eq!(world.sweep().await.dead_lettered, 0);
}
