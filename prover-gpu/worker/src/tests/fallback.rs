//! What becomes of jobs when the device fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use zkpool_gpu::GpuError;
use zkpool_ledger::recompute;
use zkpool_snark::{DeviceError, ProveError};
use zkpool_types::{DeviceClass, JobState, ProofBody, Receipt};

use super::pool::{Gate, Odd, Pool, Refusing, WITNESS, failed, price_book};
use crate::Device;
use crate::devices::FAILURES_MAX;

/// Proves one job in one attempt and returns its receipt, which recomputes.
async fn proven(pool: &Pool) -> Receipt {
    let view = pool.ended(pool.submit(WITNESS).await).await;
    assert_eq!(view.state, JobState::Succeeded, "{:?}", view.failure);
    let receipt = view.receipt.unwrap();
    recompute(&price_book(), &receipt).unwrap();
    assert_eq!(receipt.usage.attempts, 1);
    receipt
}

fn names(receipt: &Receipt) -> (&str, &str) {
    (receipt.device.as_ref().unwrap().as_str(), receipt.device_name.as_deref().unwrap())
}

const CPU: (&str, &str) = ("cpu", "CPU");
const ODD: (&str, &str) = ("nvidia-l4", "Odd");

/// How often a device is asked for a proof in this many jobs, which all succeed.
async fn times_asked(
    jobs: usize,
    fault: impl Fn(u32, ProofBody) -> Result<ProofBody, ProveError> + Send + Sync + 'static,
) -> u32 {
    let pool = Pool::new().await;
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let worker =
        pool.start(Odd::new(move |proof| fault(counted.fetch_add(1, Ordering::SeqCst), proof)));
    for _ in 0..jobs {
        proven(&pool).await;
    }
    worker.stop().await;
    asked.load(Ordering::SeqCst)
}

fn hiccup() -> ProveError {
    failed(GpuError::Refused("a hiccup".to_owned()))
}

fn lost() -> ProveError {
    failed(GpuError::Lost("fell off the bus".to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_names_the_device_that_made_it_and_is_charged_at_its_price() {
    let pool = Pool::new().await;
    let worker = pool.start(Odd::new(Ok));
    let receipt = proven(&pool).await;
    assert_eq!(names(&receipt), ODD);
    let price = price_book().device_price(&DeviceClass::new("nvidia-l4")).unwrap().get();
    let charge = receipt.lines.iter().find(|line| line.item == "device").unwrap();
    let expected = receipt.usage.device_us as f64 * price as f64 / 3.6e9;
    assert!((charge.amount_nano_usd.get() as f64 - expected).abs() <= 0.5);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_a_device_fails_at_is_made_by_the_cpu_and_charged_as_the_cpus() {
    let faults: [fn() -> ProveError; 4] = [
        || ProveError::Unsatisfied,
        hiccup,
        lost,
        || failed(GpuError::OutOfMemory("no room".to_owned())),
    ];
    for fault in faults {
        let pool = Pool::new().await;
        let worker = pool.start(Odd::new(move |_| Err(fault())));
        assert_eq!(names(&proven(&pool).await), CPU);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_device_does_not_take_is_proven_with_on_the_cpu_and_not_offered_again() {
    let reasons: [fn() -> GpuError; 2] =
        [|| GpuError::OutOfMemory("no room".to_owned()), || GpuError::Lost("gone".to_owned())];
    for why in reasons {
        let pool = Pool::new().await;
        let asked = Arc::new(AtomicU32::new(0));
        let worker = pool.start(Refusing { why, asked: Arc::clone(&asked) });
        for _ in 0..3 {
            assert_eq!(names(&proven(&pool).await), CPU);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_is_not_asked_again() {
    assert_eq!(times_asked(4, |_, _| Err(lost())).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_lost_midway_has_proven_until_then() {
    let fault = |asked, proof| if asked < 2 { Ok(proof) } else { Err(lost()) };
    assert_eq!(times_asked(5, fault).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_fails_again_and_again_is_not_asked_again() {
    assert_eq!(times_asked(5, |_, _| Err(hiccup())).await, FAILURES_MAX);
    assert_eq!(times_asked(5, |_, _| Err(ProveError::Unsatisfied)).await, FAILURES_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_fails_now_and_then_is_kept() {
    let fault = |asked: u32, proof| if asked.is_multiple_of(2) { Err(hiccup()) } else { Ok(proof) };
    assert_eq!(times_asked(8, fault).await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_ready_on_a_device_when_it_was_lost_is_proven_on_the_cpu() {
    let pool = Pool::new().await;
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let worker = pool.start(Odd::new(move |_| {
        inside.pass();
        Err(lost())
    }));
    let first = pool.submit(WITNESS).await;
    gate.begun(1).await;
    let second = pool.submit(WITNESS).await;
    pool.until(second, |view| view.attempt.is_some()).await;
    gate.open.cancel();
    for job in [first, second] {
        assert_eq!(names(&pool.ended(job).await.receipt.unwrap()), CPU);
    }
    assert_eq!(gate.proofs.load(Ordering::SeqCst), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_are_not_the_gpus_own_count_as_failures_that_may_pass() {
    let other = |_, _| Err(DeviceError("something else".into()).into());
    assert_eq!(times_asked(FAILURES_MAX as usize + 1, other).await, FAILURES_MAX);
}

#[test]
fn the_cpu_says_its_name() {
    let cpu = crate::cpu();
    assert_eq!((cpu.class().as_str(), cpu.name().as_str()), CPU);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_two_lanes_has_two_proofs_in_progress_and_is_charged_for_its_turns() {
    let pool = Pool::new().await;
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let device = Odd::new(move |proof| {
        inside.pass();
        Ok(proof)
    });
    let worker = pool.start(device.with_lanes(2));
    let jobs = [pool.submit(WITNESS).await, pool.submit(WITNESS).await, pool.submit(WITNESS).await];
    // The gate is shut: both are in it at once, and the third waits for a lane.
    gate.begun(2).await;
    assert_eq!(gate.proofs.load(Ordering::SeqCst), 2);
    gate.open.cancel();
    for job in jobs {
        let usage = pool.ended(job).await.receipt.unwrap().usage;
        assert_eq!(usage.device_us, usage.ntt_us + usage.msm_us);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cpu_proves_one_job_at_a_time_where_it_stands_in_for_a_device_of_two_lanes() {
    let pool = Pool::new().await;
    let worker = pool.start(Odd::new(|_| Err(hiccup())).with_lanes(2));
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(pool.submit(WITNESS).await);
    }
    for job in jobs {
        let receipt = pool.ended(job).await.receipt.unwrap();
        assert_eq!(names(&receipt), CPU);
        let usage = &receipt.usage;
        let stages = usage.witness_us + usage.ntt_us + usage.msm_us + usage.verify_us;
        assert_eq!(usage.device_us, stages);
    }
    worker.stop().await;
}
