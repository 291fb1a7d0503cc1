//! A short drill of each kind of deployment. `drill` of `tests/bin` makes longer ones.

use zkpool_tests::drill::{Aws, Embedded, run};

/// Processes that die in each.
const KILLS: usize = 12;

#[test]
fn a_server_that_dies_stands_still_and_is_stopped_loses_and_double_charges_nothing() {
    let findings = run(Embedded::start(), 1, KILLS);
    assert!(findings.breaches.is_empty(), "{:#}", findings.json());
}

#[test]
fn provers_that_die_on_failing_storage_and_queues_lose_and_double_charge_nothing() {
    let findings = run(Aws::start(1), 1, KILLS);
    assert!(findings.breaches.is_empty(), "{:#}", findings.json());
}
