//! A worker in a pool in memory, from claim to outcome.

mod fallback;
mod inputs;
mod pool;
mod service;
mod spot;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Device, PreparedKey, Settings, Worker, WorkerError, cpu};
use pool::{Odd, Pool, Running, WITNESS, blocking, price_book, unsatisfied};
use zkpool_circuit_files::AnyProvingKey;
use zkpool_jobs::keys;
use zkpool_ledger::recompute;
use zkpool_snark::{DeviceError, ProveError};
use zkpool_types::limits::ATTEMPTS_MAX;
use zkpool_types::{DeviceClass, ErrorCode, JobState, NanoUsd};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_proven_and_charged_for_what_was_measured() {
    let pool = Pool::new().await;
    let worker = pool.start(cpu());
    let jobs = [pool.submit(WITNESS).await, pool.submit(WITNESS).await, pool.submit(WITNESS).await];
    for job in jobs {
        let view = pool.ended(job).await;
        assert_eq!(view.state, JobState::Succeeded, "{:?}", view.failure);
        let receipt = view.receipt.unwrap();
        recompute(&price_book(), &receipt).unwrap();
        assert_eq!(receipt.device, Some(DeviceClass::new("cpu")));
        assert_eq!(receipt.device_name.as_deref(), Some("CPU"));
        assert!(receipt.charge_nano_usd > NanoUsd::ZERO);
        let usage = receipt.usage;
        let parts = usage.witness_us + usage.ntt_us + usage.msm_us + usage.verify_us;
        assert_eq!(usage.device_us, parts);
        assert!(usage.msm_us > 0 && usage.verify_us > 0, "{usage:?}");
        assert_eq!(view.proof.unwrap().public_inputs.len(), 3);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsatisfied_witness_fails_at_charge_zero_in_one_attempt() {
    let pool = Pool::new().await;
    let worker = pool.start(cpu());
    let view = pool.ended(pool.submit(&unsatisfied()).await).await;
    assert_eq!(view.state, JobState::Failed);
    assert_eq!(view.failure.unwrap().code, ErrorCode::UnsatisfiedWitness);
    let receipt = view.receipt.unwrap();
    assert_eq!((receipt.charge_nano_usd, receipt.usage.attempts), (NanoUsd::ZERO, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_of_another_length_or_format_fails_by_name() {
    let pool = Pool::new().await;
    let worker = pool.start(cpu());
    for bad in [&WITNESS[..WITNESS.len() - 32], b"wtns".as_slice(), b"".as_slice()] {
        let view = pool.ended(pool.submit(bad).await).await;
        assert_eq!(view.failure.unwrap().code, ErrorCode::InvalidWitness);
        assert_eq!(view.receipt.unwrap().charge_nano_usd, NanoUsd::ZERO);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_cancelled_while_it_is_proven_is_discarded_and_the_next_one_is_proven() {
    let pool = Pool::new().await;
    let (device, gate) = blocking();
    let worker = pool.start(device);
    let job = pool.submit(WITNESS).await;
    gate.begun(1).await;
    pool.jobs.cancel(&pool.project, job).await.unwrap();
    let next = pool.submit(WITNESS).await;
    gate.open.cancel();
    assert_eq!(pool.ended(next).await.state, JobState::Succeeded);
    let view = pool.view(job).await;
    assert_eq!((view.state, view.proof), (JobState::Cancelled, None));
    assert_eq!(view.receipt.unwrap().charge_nano_usd, NanoUsd::ZERO);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_job_stops_at_once_however_long_it_would_wait() {
    let pool = Pool::new().await;
    let settings = Settings { claim_wait: Duration::from_secs(20), ..pool.settings() };
    let worker = Running::of(pool.worker(cpu(), settings));
    let job = pool.submit(WITNESS).await;
    pool.ended(job).await;
    assert!(worker.stop().await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_not_sweep_leaves_a_lost_message_to_the_sweep() {
    let pool = Pool::new().await;
    let settings = Settings { sweep: None, ..pool.settings() };
    let worker = Running::of(pool.worker(cpu(), settings));
    pool.ended(pool.submit(WITNESS).await).await;
    let mark = keys::sweep_mark(&pool.project);
    assert!(pool.ports.blobs.head(&mark).await.unwrap().is_none(), "it has swept");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_hands_back_the_job_on_the_device_and_the_one_behind_it() {
    let pool = Pool::new().await;
    let (device, gate) = blocking();
    let worker = pool.start(device);
    let (proving, fetched) = (pool.submit(WITNESS).await, pool.submit(WITNESS).await);
    gate.begun(1).await;
    pool.until(fetched, |view| view.attempt.is_some()).await;
    assert!(worker.stop().await < Duration::from_secs(5));
    gate.open.cancel();
    let second = pool.start(cpu());
    for job in [proving, fetched] {
        let view = pool.ended(job).await;
        assert_eq!(view.state, JobState::Succeeded);
        assert_eq!(view.receipt.unwrap().usage.attempts, 1, "a hand-back was counted");
    }
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_is_fetched_ahead_and_no_more() {
    let pool = Pool::new().await;
    let (device, gate) = blocking();
    let worker = pool.start(device);
    let first = pool.submit(WITNESS).await;
    gate.begun(1).await;
    let (second, third) = (pool.submit(WITNESS).await, pool.submit(WITNESS).await);
    pool.until(second, |view| view.state == JobState::Proving).await;
    assert_eq!(pool.view(third).await.state, JobState::Queued);
    gate.open.cancel();
    for job in [first, second, third] {
        assert_eq!(pool.ended(job).await.state, JobState::Succeeded);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_job_is_proven_while_an_outcome_waits_for_storage_and_no_more() {
    let (pool, storage) = Pool::new().await.stalling();
    let (device, gate) = blocking();
    gate.open.cancel();
    storage.stall("outcome.json");
    let worker = pool.start(device);
    let jobs = [pool.submit(WITNESS).await, pool.submit(WITNESS).await, pool.submit(WITNESS).await];
    gate.begun(2).await;
    pool.until(jobs[2], |view| view.state == JobState::Proving).await;
    assert_eq!(gate.proofs.load(Ordering::SeqCst), 2);
    storage.go_on();
    for job in jobs {
        assert_eq!(pool.ended(job).await.state, JobState::Succeeded);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_panics_the_prover_is_a_dead_letter_after_its_last_attempt() {
    let pool = Pool::hurried().await;
    let begun = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&begun);
    let worker = pool.start(Odd::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("a fault in the device")
    }));
    let view = pool.ended(pool.submit(WITNESS).await).await;
    assert_eq!(view.failure.unwrap().code, ErrorCode::AttemptsExhausted);
    assert_eq!(view.receipt.unwrap().charge_nano_usd, NanoUsd::ZERO);
    assert_eq!(begun.load(Ordering::SeqCst), ATTEMPTS_MAX);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsatisfied_witness_is_not_blamed_on_the_device() {
    let pool = Pool::new().await;
    let worker = pool.start(Odd::new(Ok));
    let view = pool.ended(pool.submit(&unsatisfied()).await).await;
    assert_eq!(view.failure.unwrap().code, ErrorCode::UnsatisfiedWitness);
    worker.stop().await;
}

#[derive(Debug)]
struct Unpriced;

impl Device for Unpriced {
    fn class(&self) -> DeviceClass {
        DeviceClass::new("abacus")
    }

    fn name(&self) -> String {
        "Abacus".to_owned()
    }

    fn is_reference(&self) -> bool {
        false
    }

    fn prepare(&self, _: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Err(DeviceError("it has no beads".into()).into())
    }
}

#[tokio::test]
async fn a_device_without_a_price_is_rejected_before_it_proves() {
    let pool = Pool::new().await;
    let settings = Settings::new("unused");
    let worker = Worker::new(pool.ports.clone(), pool.jobs.clone(), Arc::new(Unpriced), settings);
    assert!(matches!(worker, Err(WorkerError::UnpricedDevice { .. })));
}
