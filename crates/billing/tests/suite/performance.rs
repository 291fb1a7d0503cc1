//! How proofs went, over every proof of a period and not over the latest ones.

use zkpool_types::api::CircuitPerformance;
use zkpool_types::{ErrorCode, Failure};

use crate::world::{CIRCUITS, World, circuit, device, measured, project};

const DAY_S: u64 = 24 * 3600;

async fn over(world: &World, name: &str, from: &str, to: &str) -> CircuitPerformance {
    let days = (from.parse().unwrap(), to.parse().unwrap());
    let told = world.performance.over(&project(), &[circuit(name)], days).await.unwrap();
    told.into_iter().next().unwrap()
}

/// Proofs of every circuit and class of device, over all years that a history can reach.
pub(crate) async fn proofs_told(world: &World) -> u64 {
    let circuits = CIRCUITS.map(circuit);
    let mut proofs = 0;
    for year in 2025..2030 {
        let days = (format!("{year}-01-01"), format!("{year}-12-31"));
        let days = (days.0.parse().unwrap(), days.1.parse().unwrap());
        let told = world.performance.over(&project(), &circuits, days).await.unwrap();
        let devices = told.iter().flat_map(|circuit| &circuit.devices);
        let sampled: u64 = devices.map(|device| device.samples).sum();
        let succeeded: u64 = told.iter().map(|circuit| circuit.reliability.succeeded).sum();
        assert_eq!(sampled, succeeded, "every proof was made on a device");
        proofs += sampled;
    }
    proofs
}

#[tokio::test]
async fn more_proofs_than_a_price_looks_at_are_all_counted() {
    let mut world = World::new(1);
    for n in 0..620 {
        world.prove(0, 1_000 + 2 * n).await;
        world.pass(60);
    }
    let before = over(&world, "transfer", "2026-01-01", "2026-01-31").await;
    let [cpu] = &before.devices[..] else { panic!("{:?}", before.devices) };
    assert_eq!((cpu.samples, cpu.device_us_median, cpu.device_us_p95), (620, 1_618, 2_176));
    world.costs.roll_up_all().await.unwrap();
    world.prove(0, 1_000).await;
    let after = over(&world, "transfer", "2026-01-01", "2026-01-31").await;
    assert_eq!(after.devices[0].samples, 621);
    assert_eq!(after.days.iter().map(|day| day.devices[0].samples).sum::<u64>(), 621);
}

#[tokio::test]
async fn only_the_days_that_are_asked_for_are_counted_and_by_day() {
    let mut world = World::new(2);
    for device_us in [10, 20, 30] {
        world.prove(0, device_us).await;
        world.pass(DAY_S);
    }
    world.costs.roll_up_all().await.unwrap();
    let told = over(&world, "transfer", "2026-01-02", "2026-01-03").await;
    let days: Vec<_> =
        told.days.iter().map(|it| (it.day.to_string(), it.devices[0].device_us_median)).collect();
    assert_eq!(days, [("2026-01-03".to_owned(), 30), ("2026-01-02".to_owned(), 20)]);
    assert!(over(&world, "swap", "2026-01-01", "2026-01-03").await.days.is_empty());
}

#[tokio::test]
async fn refused_retried_and_repaired_work_is_told_apart_before_and_after_it_is_rolled_up() {
    let mut world = World::new(3);
    world.submit(0).await;
    let refused = world.claim().await.unwrap();
    let failure = Failure { code: ErrorCode::UnsatisfiedWitness, detail: String::new() };
    world.jobs.fail(&refused, failure, Some(device(2)), measured(2)).await.unwrap();
    world.submit(0).await;
    let first = world.claim().await.unwrap();
    world.jobs.abandon(&first, Some(device(2)), measured(2)).await.unwrap();
    world.pass(3600);
    let _ = world.jobs.sweep().await;
    let second = world.claim().await.unwrap();
    world.succeed(&second, 4).await;
    let before = over(&world, "transfer", "2026-01-01", "2026-01-31").await;
    world.costs.roll_up_all().await.unwrap();
    let after = over(&world, "transfer", "2026-01-01", "2026-01-31").await;
    assert_eq!(after, before);
    let counts = (after.reliability.succeeded, after.reliability.refused, after.reliability.failed);
    assert_eq!(counts, (1, 1, 0));
    let cpu = &after.devices[0];
    assert_eq!((cpu.samples, cpu.retries, cpu.success_bp), (1, 1, Some(5_000)));
    let charge = world.truth().await.charge;
    assert_eq!(i64::try_from(cpu.cost_nano_usd_median.get()).unwrap(), charge);
}

#[tokio::test]
async fn more_than_a_year_is_rejected() {
    let world = World::new(4);
    let days = ("2025-01-01".parse().unwrap(), "2026-01-02".parse().unwrap());
    let refused = world.performance.over(&project(), &[circuit("vote")], days).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{refused}");
}
