//! Inputs in place of a witness, and generators that do harm.

use zkpool_types::{ErrorCode, Failure, JobState, NanoUsd};
use zkpool_witness::Limits;

use super::pool::{Pool, Running, WITNESS, price_book, unsatisfied};
use crate::{Settings, cpu};

const GENERATOR: &[u8] = include_bytes!("../../../../tests/fixtures/bn128/multiplier.wasm");
const OTHER_CURVE: &[u8] = include_bytes!("../../../../tests/fixtures/bls12-381/multiplier.wasm");
const INPUTS: &str = include_str!("../../../../tests/fixtures/multiplier.json");

/// A module that does this when an input is set, and has a witness of two values.
fn hostile(set_input: &str) -> Vec<u8> {
    let text = include_str!("../../../../tests/fixtures/generator.wat");
    let more = r#"(func (export "getWitnessSize") (result i32) i32.const 2)"#;
    wat::parse_str(text.replace("SET_INPUT", set_input).replace("MORE", more)).unwrap()
}

/// What a job of these inputs fails with: once, at no charge.
async fn failure(module: &[u8], json: &str) -> Failure {
    let pool = Pool::new().await.with_generator(module).await;
    let generation = Limits { fuel: 100_000_000, ..Limits::default() };
    let settings = Settings { generation, ..pool.settings() };
    let worker = Running::of(pool.worker(cpu(), settings));
    let view = pool.ended(pool.submit_inputs(json).await).await;
    worker.stop().await;
    assert_eq!(view.state, JobState::Failed);
    let receipt = view.receipt.unwrap();
    assert_eq!((receipt.charge_nano_usd, receipt.usage.attempts), (NanoUsd::ZERO, 1));
    view.failure.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_proven_as_their_witness_is() {
    let pool = Pool::new().await.with_generator(GENERATOR).await;
    let worker = pool.start(cpu());
    let jobs = [pool.submit_inputs(INPUTS).await, pool.submit(WITNESS).await];
    let mut proved = Vec::new();
    for job in jobs {
        let view = pool.ended(job).await;
        assert_eq!(view.state, JobState::Succeeded, "{:?}", view.failure);
        let receipt = view.receipt.unwrap();
        zkpool_ledger::recompute(&price_book(), &receipt).unwrap();
        assert!(receipt.usage.witness_us > 0);
        proved.push(view.proof.unwrap().public_inputs);
    }
    assert_eq!(proved[0], proved[1]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_of_another_circuit_fail_by_the_name_of_the_signal() {
    let failure = failure(GENERATOR, r#"{"a": 31337, "c": 1}"#).await;
    assert_eq!(failure.code, ErrorCode::InvalidInputs);
    assert!(failure.detail.contains("signal c"), "{}", failure.detail);
    assert!(!failure.detail.contains("31337"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_never_ends_is_stopped() {
    let failure = failure(&hostile("(loop $forever br $forever)"), r#"{"a": 1}"#).await;
    assert_eq!(failure.code, ErrorCode::GeneratorLimit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_takes_all_memory_is_stopped() {
    let body = "(loop $more (drop (memory.grow (i32.const 1000))) br $more)";
    assert_eq!(failure(&hostile(body), r#"{"a": 1}"#).await.code, ErrorCode::GeneratorLimit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_traps_fails() {
    let failure = failure(&hostile("unreachable"), r#"{"a": 1}"#).await;
    assert_eq!(failure.code, ErrorCode::GeneratorFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_of_another_circuit_or_curve_fails() {
    let other_circuit = failure(&hostile(""), r#"{"a": 1}"#).await;
    assert_eq!(other_circuit.code, ErrorCode::InvalidWitness);
    let other_curve = failure(OTHER_CURVE, INPUTS).await;
    assert_eq!(other_curve.code, ErrorCode::InvalidWitness);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_module_that_is_no_generator_fails_its_jobs() {
    let failure = failure(b"no module", INPUTS).await;
    assert_eq!(failure.code, ErrorCode::InvalidGenerator);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_with_a_generator_takes_witnesses_too() {
    let pool = Pool::new().await.with_generator(GENERATOR).await;
    let worker = pool.start(cpu());
    let view = pool.ended(pool.submit(&unsatisfied()).await).await;
    assert_eq!(view.failure.unwrap().code, ErrorCode::UnsatisfiedWitness);
    worker.stop().await;
}
