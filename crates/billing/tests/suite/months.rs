//! Months, and the promises that need no history to be shown.

use bytes::Bytes;
use jiff::SignedDuration;
use zkpool_billing::BillingError;
use zkpool_jobs::keys;
use zkpool_ports::{BlobStore, Durability};
use zkpool_types::{CostQuery, Dimension, ErrorCode, KeyId, MakeCorrection};

use crate::world::{World, project, told};

const DAY_S: u64 = 24 * 3600;

#[tokio::test]
async fn a_report_includes_the_last_proof_before_and_after_it_is_rolled_up() {
    let mut world = World::new(1);
    world.prove(1, 1_000_000).await;
    let before = world.report(&[Dimension::Circuit]).await;
    assert_eq!((before.rows.len(), before.total.proofs), (1, 1));
    assert_eq!(world.costs.roll_up_all().await.unwrap().receipts, 1);
    let after = world.report(&[Dimension::Circuit]).await;
    assert_eq!((after.rows, after.total), (before.rows, before.total));
    assert_eq!(world.costs.roll_up_all().await.unwrap().receipts, 0);
}

#[tokio::test]
async fn what_ends_after_its_month_was_closed_counts_in_the_open_month() {
    let mut world = World::new(2);
    let job = world.prove(1, 1_000_000).await;
    world.pass(31 * DAY_S + 60);
    assert_eq!(world.costs.close(&project(), "2026-01", None).await.unwrap(), "2026-01");
    let january = world.month("2026-01").await;
    world.correct(job, -5).await.unwrap();
    let february = world.month("2026-02").await;
    assert_eq!(world.month("2026-01").await.rows, january.rows);
    assert_eq!((february.total_nano_usd, february.total.corrections_nano_usd), (-5, -5));
    assert_eq!(february.closed_through.as_deref(), Some("2026-01"));
}

#[tokio::test]
async fn a_closed_month_takes_nothing_from_a_machine_whose_clock_is_behind() {
    let mut world = World::new(5);
    world.pass(31 * DAY_S - 60);
    world.prove(1, 1_000_000).await;
    world.clock.step_wall_clock(SignedDuration::from_mins(2));
    assert_eq!(world.costs.close(&project(), "2026-01", None).await.unwrap(), "2026-01");
    let january = world.month("2026-01").await;
    world.clock.step_wall_clock(SignedDuration::from_mins(-2));
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    assert_eq!(world.month("2026-01").await.total, january.total);
    assert_eq!(world.month("2026-02").await.total.proofs, 1);
}

#[tokio::test]
async fn months_are_closed_by_themselves_three_days_after_their_end() {
    let mut world = World::new(3);
    world.prove(1, 1_000_000).await;
    world.pass(33 * DAY_S);
    world.costs.roll_up_all().await.unwrap();
    assert_eq!(world.report(&[]).await.closed_through.as_deref(), Some("2025-12"));
    world.pass(2 * DAY_S);
    world.costs.roll_up_all().await.unwrap();
    assert_eq!(world.report(&[]).await.closed_through.as_deref(), Some("2026-01"));
}

#[tokio::test]
async fn a_month_that_goes_on_is_not_closed() {
    let world = World::new(4);
    for month in ["2026-01", "2026-13", "January", "2026-1"] {
        let refused = world.costs.close(&project(), month, None).await.unwrap_err();
        assert!(matches!(refused, BillingError::Month(_)), "{month}: {refused}");
        assert_eq!(refused.code(), ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn queries_that_mean_nothing_are_rejected() {
    let world = World::new(5);
    for (from, to, by) in [
        ("2026-01-02", "2026-01-01", ""),
        ("2000-01-01", "2026-01-01", ""),
        ("2026-01-01", "2026-01-02", "day,day"),
        ("2026-01-01", "2026-01-02", "day,month,kind,proof,circuit"),
    ] {
        let group_by = by.split(',').filter_map(|by| by.parse().ok()).collect();
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let query = CostQuery { from, to, group_by };
        let refused = world.costs.report(&project(), &query).await.unwrap_err();
        assert!(matches!(refused, BillingError::Query(_)), "{refused}");
    }
}

#[tokio::test]
async fn a_root_of_the_day_before_names_the_chain_of_the_project() {
    let mut world = World::new(6);
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    world.pass(DAY_S);
    world.costs.roll_up_all().await.unwrap();
    let daily = world.costs.daily_root("2026-01-01".parse().unwrap()).await.unwrap().unwrap();
    assert!(zkpool_ledger::chain::root_holds(&daily));
    let links = world.costs.chain(&project(), 0).await.unwrap().links;
    let last = links.last().unwrap();
    let head = zkpool_types::chain::ChainHead { length: last.seq, hash: last.hash };
    let leaf = zkpool_ledger::chain::leaf(&project(), &head).unwrap();
    assert!(daily.leaves.contains(&leaf));
}

#[tokio::test]
async fn an_export_adds_up_to_the_report_in_both_formats() {
    let mut world = World::new(7);
    for label in 0..6 {
        world.prove(label, 1_000_003 + u64::from(label)).await;
    }
    let (from, to) = ("2026-01-01".parse().unwrap(), "2026-01-31".parse().unwrap());
    let query = CostQuery { from, to, group_by: Vec::new() };
    let table = world.costs.export(&project(), &query).await.unwrap();
    let csv = table.csv();
    let header = csv.lines().next().unwrap();
    for name in ["BilledCost", "ServiceProviderName", "ProviderName", "x_DeviceMicroseconds"] {
        assert!(header.split(',').any(|column| column == name), "{name} is missing");
    }
    // Six proofs differ in circuit, device or tags; a quoted tag holds the only line breaks.
    assert_eq!(csv.lines().count(), 1 + 6);
    assert!(table.parquet().unwrap().starts_with(b"PAR1"));
}

#[tokio::test]
async fn a_correction_sent_again_counts_once_and_another_one_of_its_key_is_rejected() {
    let mut world = World::new(8);
    let job = world.prove(1, 1_000_000).await;
    let by: KeyId = "018f2e7a-0000-7000-8000-000000000001".parse().unwrap();
    let reason = "agreed".to_owned();
    let asked = MakeCorrection { project: project(), job, charge_nano_usd: -5, reason };
    let first = world.costs.correct_once(&asked, by, "k").await.unwrap();
    world.pass(60);
    assert_eq!(world.costs.correct_once(&asked, by, "k").await.unwrap(), first);
    world.costs.roll_up_all().await.unwrap();
    // The mark that a repetition leaves behind the roll-up counts nothing twice.
    assert_eq!(world.costs.correct_once(&asked, by, "k").await.unwrap(), first);
    assert_eq!(world.report(&[]).await.total.corrections_nano_usd, -5);
    let other = MakeCorrection { charge_nano_usd: -6, ..asked };
    let refused = world.costs.correct_once(&other, by, "k").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::IdempotencyConflict);
    assert_eq!(first.made_by, Some(by));
}

#[tokio::test]
async fn a_job_whose_submission_was_taken_up_again_counts_once_wherever_the_cursor_stands() {
    let mut world = World::new(6);
    // Behind the cursor, which is nowhere yet, and then before it.
    for pause in [0, 3600] {
        let job = world.prove(1, 1_000_000).await;
        world.pass(pause);
        let mark = keys::unbilled(&project(), &format!("late.{job}"));
        world.blobs.put(&mark, Bytes::new(), Durability::Durable).await.unwrap();
        assert_eq!(told(&world.report(&[]).await), world.truth().await);
        assert_eq!(world.costs.roll_up_all().await.unwrap().receipts, 1);
        world.blobs.put(&mark, Bytes::new(), Durability::Durable).await.unwrap();
        world.pass(3600);
        assert_eq!(world.costs.roll_up_all().await.unwrap().receipts, 0);
        assert_eq!(told(&world.report(&[]).await), world.truth().await);
    }
}
