//! One story of a job a test, over ports in memory and virtual time.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use zkpool_jobs::{
    Commit, Held, JobError, Jobs, NewJob, SubmitError, WitnessError, WitnessSource, keys,
};
use zkpool_ports::{BlobStore, Durability, Message, Queue};
use zkpool_types::limits::{ATTEMPTS_MAX, REENQUEUE_AFTER_S, VISIBILITY_S};
use zkpool_types::{
    ErrorCode, Failure, IdempotencyRecord, JobId, JobRequest, JobState, NanoUsd, Secret,
    Sha256Digest, Stage, WitnessForm,
};

use crate::support::{self, World, cpu, measured, new_job, project, world};

async fn submit(world: &World, key: &str) -> JobId {
    world.jobs.submit(new_job(key)).await.unwrap().request.id
}

async fn state(world: &World, job: JobId) -> JobState {
    world.jobs.view(&project(), job).await.unwrap().state
}

async fn has_witness(world: &World, job: JobId) -> bool {
    world.blobs.head(&keys::witness(&project(), job)).await.unwrap().is_some()
}

fn refused() -> Failure {
    Failure { code: ErrorCode::UnsatisfiedWitness, detail: "constraint 7".to_owned() }
}

#[tokio::test]
async fn a_job_goes_from_submission_to_proof_and_is_charged_once() {
    let world = world();
    let job = submit(&world, "a").await;
    let view = world.jobs.view(&project(), job).await.unwrap();
    assert_eq!((view.state, view.queue_position), (JobState::Queued, Some(0)));

    world.pass(2);
    let claim = world.claim().await;
    assert_eq!((claim.request.id, claim.attempt.number), (job, 1));
    world.jobs.enter(&claim, Stage::Msm).await;
    let view = world.jobs.view(&project(), job).await.unwrap();
    assert_eq!((view.state, view.stage), (JobState::Proving, Some(Stage::Msm)));

    let Commit::Won(outcome) = world.succeed(&claim).await else { panic!("not committed") };
    let usage = outcome.receipt.usage;
    assert_eq!((usage.queue_us, usage.attempts, usage.device_us), (2_000_000, 1, 250_000));
    assert!(outcome.receipt.charge_nano_usd > NanoUsd::ZERO);
    assert!(!has_witness(&world, job).await);
    assert_eq!(world.queue.depth().await.unwrap().in_flight, 0);
    let view = world.jobs.view(&project(), job).await.unwrap();
    assert_eq!(view.receipt.as_ref(), Some(&outcome.receipt));
    assert_eq!((view.state, view.proof), (JobState::Succeeded, outcome.proof));
}

#[tokio::test]
async fn a_repeated_request_is_the_same_job() {
    let world = world();
    let first = world.jobs.submit(new_job("a")).await.unwrap();
    world.pass(60);
    let second = world.jobs.submit(new_job("a")).await.unwrap();
    assert!(!first.replayed && second.replayed);
    assert_eq!(first.request, second.request);
    world.claim().await;
    assert!(world.claims_nothing().await);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_rejected() {
    let world = world();
    submit(&world, "a").await;
    let other = NewJob { body_digest: Sha256Digest::of(b"other"), ..new_job("a") };
    let error = world.jobs.submit(other).await.unwrap_err();
    assert!(matches!(error, SubmitError::IdempotencyConflict));
    assert_eq!(error.code(), ErrorCode::IdempotencyConflict);
}

#[tokio::test]
async fn the_same_key_in_another_project_is_another_job() {
    let world = world();
    let first = submit(&world, "a").await;
    let other = NewJob { project: "bridge".parse().unwrap(), ..new_job("a") };
    let second = world.jobs.submit(other).await.unwrap();
    assert!(!second.replayed && second.request.id != first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_concurrent_requests_with_one_key_are_one_job() {
    let world = world();
    let calls = (0..100).map(|_| {
        let jobs = world.jobs.clone();
        tokio::spawn(async move { jobs.submit(new_job("a")).await.unwrap() })
    });
    let mut ids = HashSet::new();
    let mut accepted = 0;
    for call in calls.collect::<Vec<_>>() {
        let submitted = call.await.unwrap();
        ids.insert(submitted.request.id);
        accepted += usize::from(!submitted.replayed);
    }
    assert_eq!((ids.len(), accepted), (1, 1));
    world.claim().await;
    assert!(world.claims_nothing().await);
}

#[tokio::test]
async fn a_submission_that_crashed_after_its_first_step_is_finished_by_the_next() {
    let world = world();
    let new = new_job("a");
    let job = JobId::new(world.ports.ids.next());
    let record = IdempotencyRecord { job, body_digest: new.body_digest };
    let key = keys::idempotency(&project(), "a");
    let body = Bytes::from(serde_json::to_vec(&record).unwrap());
    world.blobs.put_once(&key, body).await.unwrap();
    world.pass(3 * 3600);
    let submitted = world.jobs.submit(new).await.unwrap();
    assert_eq!((submitted.request.id, submitted.replayed), (job, false));
    let claim = world.claim().await;
    assert!(matches!(world.succeed(&claim).await, Commit::Won(_)));
}

#[tokio::test]
async fn a_job_taken_up_again_below_the_watermark_is_still_swept() {
    let world = world();
    let record = IdempotencyRecord {
        job: JobId::new(world.ports.ids.next()),
        body_digest: new_job("late").body_digest,
    };
    let key = keys::idempotency(&project(), "late");
    let body = Bytes::from(serde_json::to_vec(&record).unwrap());
    world.blobs.put_once(&key, body).await.unwrap();
    world.pass(1);
    submit(&world, "early").await;
    let claim = world.claim().await;
    world.succeed(&claim).await;
    world.pass(3600);
    world.jobs.sweep().await;

    world.jobs.submit(new_job("late")).await.unwrap();
    let lost = world.queue.receive(1, Duration::from_secs(1), Duration::ZERO).await.unwrap();
    world.queue.delete(&lost[0].receipt).await.unwrap();
    world.pass(REENQUEUE_AFTER_S.unsigned_abs());
    assert_eq!(world.jobs.sweep().await.reenqueued, 1);
    assert_eq!(world.claim().await.request.id, record.job);
}

#[tokio::test]
async fn malformed_requests_are_rejected_and_store_nothing() {
    let world = world();
    let long = "k".repeat(256);
    for key in ["", &long] {
        let error = world.jobs.submit(new_job(key)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::IdempotencyKeyRequired);
    }
    let now = world.ports.clock.now();
    for offset in [-1, 0, 8 * 24 * 3600] {
        let deadline = Some(now + jiff::SignedDuration::from_secs(offset));
        let error = world.jobs.submit(NewJob { deadline, ..new_job("a") }).await.unwrap_err();
        assert!(matches!(error, SubmitError::Deadline { .. }));
    }
    for (name, value) in [("", "v"), ("n", ""), (long.as_str(), "v")] {
        let tags = [(name.to_owned(), value.to_owned())].into();
        let error = world.jobs.submit(NewJob { tags, ..new_job("a") }).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
    }
    let tags = (0..17).map(|tag| (tag.to_string(), "v".to_owned())).collect();
    assert!(world.jobs.submit(NewJob { tags, ..new_job("a") }).await.is_err());
    assert!(world.blobs.list("", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_replay_is_answered_as_before_though_its_deadline_has_passed() {
    let world = world();
    let deadline = Some(world.ports.clock.now() + jiff::SignedDuration::from_secs(10));
    let new = NewJob { deadline, ..new_job("a") };
    let first = world.jobs.submit(new.clone()).await.unwrap();
    world.pass(60);
    let second = world.jobs.submit(new).await.unwrap();
    assert_eq!((second.request, second.replayed), (first.request, true));
}

#[tokio::test]
async fn an_outdated_attempt_commits_nothing_and_its_work_is_waste() {
    let world = world();
    let job = submit(&world, "a").await;
    let stale = world.claim().await;
    world.pass(VISIBILITY_S + 1);
    let current = world.claim().await;
    assert_eq!(current.attempt.number, 2);

    assert_eq!(world.jobs.heartbeat(&stale).await.unwrap(), Held::Lost);
    assert_eq!(world.succeed(&stale).await, Commit::Outdated);
    assert_eq!(state(&world, job).await, JobState::Proving);
    let Commit::Won(outcome) = world.succeed(&current).await else { panic!("not committed") };
    assert_eq!(outcome.attempt, Some(current.attempt));

    let waste = keys::waste(&project(), job, stale.attempt.id);
    assert!(world.blobs.head(&waste).await.unwrap().is_some());
    assert!(matches!(world.succeed(&stale).await, Commit::Lost(winner) if winner == outcome));
}

#[tokio::test]
async fn heartbeats_keep_a_claim_beyond_its_visibility() {
    let world = world();
    submit(&world, "a").await;
    let claim = world.claim().await;
    for _ in 0..10 {
        world.pass(VISIBILITY_S - 1);
        assert_eq!(world.jobs.heartbeat(&claim).await.unwrap(), Held::Yes);
        assert!(world.claims_nothing().await);
    }
    assert!(matches!(world.succeed(&claim).await, Commit::Won(_)));
}

#[tokio::test]
async fn a_second_commit_of_the_same_attempt_finds_its_own_outcome() {
    let world = world();
    submit(&world, "a").await;
    let claim = world.claim().await;
    let first = world.succeed(&claim).await;
    world.pass(5);
    assert_eq!(world.succeed(&claim).await, first);
    assert!(
        world
            .blobs
            .list("jobs/", None, 100)
            .await
            .unwrap()
            .iter()
            .all(|key| { !key.as_str().contains("/waste/") })
    );
}

#[tokio::test]
async fn a_rejected_witness_ends_the_job_uncharged() {
    let world = world();
    let job = submit(&world, "a").await;
    let claim = world.claim().await;
    let committed = world.jobs.fail(&claim, refused(), Some(cpu()), measured()).await.unwrap();
    let Commit::Won(outcome) = committed else { panic!("not committed") };
    assert_eq!((outcome.state, outcome.failure.clone()), (JobState::Failed, Some(refused())));
    assert_eq!(outcome.receipt.charge_nano_usd, NanoUsd::ZERO);
    assert!(outcome.receipt.waste_nano_usd > NanoUsd::ZERO);
    assert!(!has_witness(&world, job).await);
}

#[tokio::test]
async fn cancelling_ends_a_job_and_its_prover_learns_of_it() {
    let world = world();
    let job = submit(&world, "a").await;
    let claim = world.claim().await;
    let view = world.jobs.cancel(&project(), job).await.unwrap();
    assert_eq!(view.state, JobState::Cancelled);
    assert_eq!(view.receipt.unwrap().charge_nano_usd, NanoUsd::ZERO);
    assert_eq!(world.jobs.heartbeat(&claim).await.unwrap(), Held::Cancelled);
    let witness = world.jobs.witness(&claim).await.unwrap_err();
    assert!(matches!(witness, WitnessError::Deleted(deleted) if deleted == job));
    assert!(matches!(world.succeed(&claim).await, Commit::Lost(_)));
    let waste = keys::waste(&project(), job, claim.attempt.id);
    assert!(world.blobs.head(&waste).await.unwrap().is_some());

    let again = world.jobs.cancel(&project(), job).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::AlreadyFinished);
    world.pass(VISIBILITY_S + 1);
    assert!(world.claims_nothing().await);
}

#[tokio::test]
async fn a_succeeded_job_cannot_be_cancelled() {
    let world = world();
    let job = submit(&world, "a").await;
    let claim = world.claim().await;
    world.succeed(&claim).await;
    let error = world.jobs.cancel(&project(), job).await.unwrap_err();
    let JobError::AlreadyFinished { state, .. } = error else { panic!("{error}") };
    assert_eq!(state, JobState::Succeeded);
}

#[tokio::test]
async fn another_projects_job_is_not_found() {
    let world = world();
    let job = submit(&world, "a").await;
    let foreign = "bridge".parse().unwrap();
    let view = world.jobs.view(&foreign, job).await.unwrap_err();
    let wait = world.jobs.wait(&foreign, job, Duration::from_secs(1)).await.unwrap_err();
    let cancel = world.jobs.cancel(&foreign, job).await.unwrap_err();
    for error in [view, wait, cancel] {
        assert!(matches!(error, JobError::NotFound(missing) if missing == job));
    }
}

#[tokio::test]
async fn an_altered_witness_is_rejected_before_it_is_proved() {
    let world = world();
    let job = submit(&world, "a").await;
    let key = keys::witness(&project(), job);
    for bytes in ["witness of b", "", "witness of a and more"] {
        world.blobs.put(&key, Bytes::from(bytes), Durability::Durable).await.unwrap();
        let claim = world.claim().await;
        let error = world.jobs.witness(&claim).await.unwrap_err();
        assert!(matches!(error, WitnessError::Altered { .. }));
        assert_eq!(error.code(), ErrorCode::DigestMismatch);
        world.jobs.hand_back(&claim).await.unwrap();
    }
}

#[tokio::test]
async fn handing_back_does_not_count_and_retrying_does() {
    let world = world();
    submit(&world, "a").await;
    for _ in 0..10 {
        let claim = world.claim().await;
        assert_eq!(claim.attempt.number, 1);
        world.jobs.hand_back(&claim).await.unwrap();
    }
    let claim = world.claim().await;
    world.jobs.retry_later(&claim).await.unwrap();
    assert!(world.claims_nothing().await);
    world.pass(VISIBILITY_S);
    assert_eq!(world.claim().await.attempt.number, 2);
}

#[tokio::test]
async fn a_job_that_no_attempt_finishes_fails_uncharged_after_three() {
    let world = world();
    let job = submit(&world, "a").await;
    for number in 1..=ATTEMPTS_MAX {
        assert_eq!(world.claim().await.attempt.number, number);
        world.pass(VISIBILITY_S + 1);
    }
    assert!(world.claims_nothing().await);
    assert_eq!(world.jobs.sweep().await.dead_lettered, 1);
    let view = world.jobs.view(&project(), job).await.unwrap();
    assert_eq!(view.failure.unwrap().code, ErrorCode::AttemptsExhausted);
    let receipt = view.receipt.unwrap();
    assert_eq!((receipt.charge_nano_usd, receipt.usage.attempts), (NanoUsd::ZERO, ATTEMPTS_MAX));
    assert!(!has_witness(&world, job).await);
    assert_eq!(world.jobs.sweep().await, zkpool_jobs::SweepReport::default());
}

#[tokio::test]
async fn a_message_that_names_no_job_is_buried_and_holds_nobody_up() {
    let world = world();
    for (id, body) in [("x", "no job"), ("y", "{}")] {
        let message =
            Message { id: id.to_owned(), group: "rollup".to_owned(), body: body.to_owned() };
        world.queue.send(message, Duration::ZERO).await.unwrap();
    }
    let job = submit(&world, "a").await;
    assert_eq!(world.claim().await.request.id, job);
    for _ in 0..ATTEMPTS_MAX {
        world.pass(VISIBILITY_S + 1);
        let _ = world.jobs.claim(Duration::ZERO).await.unwrap();
    }
    world.pass(VISIBILITY_S + 1);
    world.jobs.sweep().await;
    world.jobs.sweep().await;
    let depth = world.queue.depth().await.unwrap();
    assert_eq!((depth.visible, depth.in_flight), (0, 0));
}

#[tokio::test]
async fn a_lost_message_is_sent_again_within_two_sweeps_and_only_once() {
    let world = world();
    let job = submit(&world, "a").await;
    let lost = world.queue.receive(1, Duration::from_secs(1), Duration::ZERO).await.unwrap();
    world.queue.delete(&lost[0].receipt).await.unwrap();
    assert_eq!(world.jobs.sweep().await.reenqueued, 0);
    world.pass(REENQUEUE_AFTER_S.unsigned_abs());
    assert_eq!(world.jobs.sweep().await.reenqueued, 1);
    assert_eq!(world.jobs.sweep().await.reenqueued, 0);
    assert_eq!(world.claim().await.request.id, job);
}

#[tokio::test]
async fn an_overdue_job_expires_by_claim_and_by_sweep() {
    let world = world();
    let deadline = Some(world.ports.clock.now() + jiff::SignedDuration::from_secs(10));
    let claimed = world.jobs.submit(NewJob { deadline, ..new_job("a") }).await.unwrap();
    world.pass(11);
    assert!(world.claims_nothing().await);
    let deadline = Some(world.ports.clock.now() + jiff::SignedDuration::from_secs(10));
    let swept = world.jobs.submit(NewJob { deadline, ..new_job("b") }).await.unwrap();
    world.pass(11);
    assert_eq!(world.jobs.sweep().await.expired, 1);
    for job in [claimed.request.id, swept.request.id] {
        let view = world.jobs.view(&project(), job).await.unwrap();
        assert_eq!(view.state, JobState::Expired);
        assert_eq!(view.receipt.unwrap().charge_nano_usd, NanoUsd::ZERO);
        assert!(!has_witness(&world, job).await);
    }
    assert!(world.claims_nothing().await);
}

#[tokio::test]
async fn a_witness_left_by_a_crash_after_the_outcome_is_swept_away() {
    let world = world();
    let job = submit(&world, "a").await;
    let claim = world.claim().await;
    world.succeed(&claim).await;
    let witness = keys::witness(&project(), job);
    world.blobs.put_once(&witness, Bytes::from_static(b"left")).await.unwrap();
    assert_eq!(world.jobs.sweep().await.witnesses_deleted, 1);
    assert!(!has_witness(&world, job).await);
}

#[tokio::test]
async fn a_witness_whose_submission_was_never_finished_is_swept_away_in_a_day() {
    let world = world();
    let job = JobId::new(world.ports.ids.next());
    let witness = keys::witness(&project(), job);
    world.blobs.put_once(&witness, Bytes::from_static(b"left")).await.unwrap();
    world.pass(3600);
    assert_eq!(world.jobs.sweep().await.witnesses_deleted, 0);
    world.pass(24 * 3600);
    assert_eq!(world.jobs.sweep().await.witnesses_deleted, 1);
}

#[tokio::test]
async fn the_watermark_passes_ended_jobs_and_stops_at_the_first_open_one() {
    let world = world();
    let mut jobs = Vec::new();
    for key in ["a", "b", "c"] {
        jobs.push(submit(&world, key).await);
        world.pass(1);
    }
    for ended in [0, 2] {
        world.jobs.cancel(&project(), jobs[ended]).await.unwrap();
    }
    world.pass(3600);
    world.jobs.sweep().await;
    let mark = world.blobs.get(&keys::sweep_mark(&project()), 1000).await.unwrap();
    let mark: zkpool_types::SweepMark = serde_json::from_slice(&mark).unwrap();
    assert_eq!(mark.watermark, Some(jobs[0]));
    assert_eq!(mark.enqueued.keys().collect::<Vec<_>>(), [&jobs[1]]);
}

#[tokio::test]
async fn waiting_returns_the_outcome_or_gives_up_in_time() {
    let world = world();
    let job = submit(&world, "a").await;
    let claim = world.claim().await;
    // A second instance shares nothing but the ports: its waiter has to look at the store.
    for jobs in [world.jobs.clone(), Jobs::new(world.ports.clone(), support::book())] {
        let waiting = tokio::spawn({
            let jobs = jobs.clone();
            async move { jobs.wait(&project(), job, Duration::from_secs(20)).await.unwrap() }
        });
        for _ in 0..50 {
            world.clock.advance(Duration::from_millis(500));
            tokio::task::yield_now().await;
            let _ = world.jobs.heartbeat(&claim).await.unwrap();
        }
        assert_eq!(waiting.await.unwrap().state, JobState::Proving);
    }
    let waits = [world.jobs.clone(), Jobs::new(world.ports.clone(), support::book())].map(|jobs| {
        tokio::spawn(async move { jobs.wait(&project(), job, Duration::from_secs(20)).await })
    });
    tokio::task::yield_now().await;
    world.succeed(&claim).await;
    for _ in 0..5 {
        world.clock.advance(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    for wait in waits {
        assert_eq!(wait.await.unwrap().unwrap().state, JobState::Succeeded);
    }
}

#[tokio::test]
async fn inputs_are_kept_and_deleted_as_a_witness_is_and_do_not_show() {
    let world = world();
    let json = Bytes::from(r#"{"a": "canary"}"#);
    let new = NewJob { witness: WitnessSource::Inputs(Secret::new(json.clone())), ..new_job("a") };
    assert!(!format!("{new:?}").contains("canary"));
    let request = world.jobs.submit(new).await.unwrap().request;
    assert_eq!(request.witness_form, WitnessForm::Inputs);
    let claim = world.claim().await;
    assert_eq!(*world.jobs.witness(&claim).await.unwrap().expose(), json);
    world.succeed(&claim).await;
    assert!(!has_witness(&world, request.id).await);
}

#[tokio::test]
async fn a_request_from_before_inputs_is_one_for_a_witness() {
    let world = world();
    let request = world.jobs.submit(new_job("a")).await.unwrap().request;
    let stored = serde_json::to_value(&request).unwrap();
    assert!(stored.get("witness_form").is_none());
    let read: JobRequest = serde_json::from_value(stored).unwrap();
    assert_eq!(read.witness_form, WitnessForm::Values);
}

#[tokio::test]
async fn a_witness_never_shows_in_debug_output() {
    let world = world();
    let new = new_job("canary");
    assert!(!format!("{new:?}").contains("witness of canary"));
    world.jobs.submit(new).await.unwrap();
    let claim = world.claim().await;
    let witness = world.jobs.witness(&claim).await.unwrap();
    assert!(!format!("{claim:?} {witness:?} {:?}", world.jobs).contains("witness of canary"));
}
