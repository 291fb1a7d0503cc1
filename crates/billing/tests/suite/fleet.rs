//! What the fleet cost, beside what was charged for it.

use zkpool_jobs::keys;
use zkpool_ledger::PriceBook;
use zkpool_ports::{BlobStore, Clock, Durability};
use zkpool_types::fleet::FleetPart;
use zkpool_types::{DeviceClass, NanoUsd, Shift};

use crate::world::World;

/// An hour in microseconds.
const HOUR_US: u64 = 3_600_000_000;

async fn note_shift(world: &World, class: &str, hours: u64) {
    let since = world.clock.now();
    let until = since + jiff::SignedDuration::from_hours(hours.try_into().unwrap());
    let device = DeviceClass::new(class);
    let shift = Shift { device, since, until, published: 1, publish_us: 900 };
    let prover = "018f2e7a-0000-7000-8000-000000000001".parse().unwrap();
    let key = keys::shift("2026-01-01".parse().unwrap(), prover);
    let body = serde_json::to_vec(&shift).unwrap();
    world.blobs.put(&key, body.into(), Durability::Cached).await.unwrap();
}

#[tokio::test]
async fn charged_wasted_and_idle_time_sum_exactly_to_what_provers_cost() {
    let mut world = World::new(1);
    note_shift(&world, "cpu", 2).await;
    // Half an hour of one proof, and as much of an attempt that is thrown away.
    world.prove(1, HOUR_US / 2).await;
    world.submit(1).await;
    let claim = world.claim().await.unwrap();
    let jobs = world.jobs.clone();
    let measured = crate::world::measured(HOUR_US / 2);
    jobs.abandon(&claim, Some(DeviceClass::new("cpu")), measured).await.unwrap();
    jobs.cancel(&crate::world::project(), claim.request.id).await.unwrap();

    let book = PriceBook::builtin().unwrap();
    let hour = book.device_price(&DeviceClass::new("cpu")).unwrap_or(NanoUsd::ZERO).get();
    let hour = i64::try_from(hour).unwrap();
    let day = "2026-01-01".parse().unwrap();
    let fleet = world.costs.fleet(&book, day, day).await.unwrap();
    let cost = |part| fleet.rows.iter().find(|row| row.part == part).unwrap().cost_nano_usd;
    assert_eq!(fleet.cost_nano_usd, 2 * hour);
    let parts = [FleetPart::Charged, FleetPart::Wasted, FleetPart::Idle].map(cost);
    assert_eq!(parts, [hour / 2, hour / 2, hour]);
    assert_eq!(parts.iter().sum::<i64>(), fleet.classes[0].cost_nano_usd);
    assert_eq!((fleet.classes[0].published, fleet.classes[0].publish_us), (1, 900));
    assert_eq!(fleet.margin_nano_usd, fleet.charge_nano_usd - fleet.cost_nano_usd);
}
