//! A check finds every row that is not what its records come to.

use zkpool_billing::BillingError;
use zkpool_ports::{BlobKey, BlobStore, Durability};
use zkpool_types::{CostQuery, Dimension};

use crate::world::{World, project};

async fn key_with(world: &World, part: &str) -> BlobKey {
    let keys = world.blobs.list("", None, usize::MAX).await.unwrap();
    keys.into_iter().find(|key| key.as_str().contains(part)).unwrap()
}

async fn audited(world: &World) -> Vec<String> {
    let audits = world.costs.audit_all().await.unwrap();
    audits.into_iter().flat_map(|audit| audit.differences).collect()
}

#[tokio::test]
async fn a_changed_receipt_is_found() {
    let mut world = World::new(1);
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    let key = key_with(&world, "outcome.json").await;
    let text = String::from_utf8(world.blobs.get(&key, u64::MAX).await.unwrap().to_vec()).unwrap();
    let changed = text.replace("\"attempts\":1", "\"attempts\":2");
    assert_ne!(changed, text);
    world.blobs.put(&key, changed.into(), Durability::Durable).await.unwrap();
    let differences = audited(&world).await;
    assert!(differences.iter().any(|text| text.contains("was changed")), "{differences:?}");
    assert!(differences.iter().any(|text| text.contains("expected UsageRow")), "{differences:?}");
}

#[tokio::test]
async fn a_partition_that_is_gone_or_damaged_is_found() {
    let mut world = World::new(2);
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    let key = key_with(&world, ".parquet").await;
    world.blobs.delete(&key).await.unwrap();
    assert!(audited(&world).await.iter().any(|text| text.contains("is gone")));
    assert!(world.blobs.head(&key).await.unwrap().is_some(), "it was written again");
}

#[tokio::test]
async fn a_partition_that_is_gone_is_missing_in_no_report() {
    let mut world = World::new(7);
    for label in 0..3 {
        world.prove(label, 1_000_000).await;
        world.pass(3600);
        world.costs.roll_up_all().await.unwrap();
    }
    let by = [Dimension::Circuit, Dimension::Day];
    let whole = world.report(&by).await;
    assert_eq!(whole.total.proofs, 3);
    let keys = world.blobs.list("usage/", None, usize::MAX).await.unwrap();
    assert_eq!(keys.len(), 3);
    for key in &keys[..2] {
        world.blobs.delete(key).await.unwrap();
        assert_eq!(world.report(&by).await, whole);
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_whole_is_refused() {
    let mut world = World::new(8);
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    for part in [".parquet", "outcome.json"] {
        let key = key_with(&world, part).await;
        world.blobs.delete(&key).await.unwrap();
    }
    let (from, to) = ("2025-12-01".parse().unwrap(), "2029-12-31".parse().unwrap());
    let query = CostQuery { from, to, group_by: Vec::new() };
    let refused = world.costs.report(&project(), &query).await.unwrap_err();
    assert!(matches!(refused, BillingError::Lost { .. }), "{refused}");
}

#[tokio::test]
async fn each_batch_is_checked_once() {
    let mut world = World::new(3);
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    assert_eq!(world.costs.audit_all().await.unwrap().len(), 1);
    assert!(world.costs.audit_all().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_that_has_ended_and_is_in_no_chain_is_found() {
    let mut world = World::new(4);
    world.prove(1, 1_000_000).await;
    let outcome = key_with(&world, "outcome.json").await;
    world.pass(3600);
    world.prove(2, 1_000_000).await;
    world.pass(3600);
    world.costs.roll_up_all().await.unwrap();
    // A job of a moment after the first one, which the roll-up has passed without seeing it.
    let job = outcome.as_str().split('/').nth(2).unwrap();
    let forgotten = format!("{}ffffffffffff", &job[..job.len() - 12]);
    let copy = BlobKey::new(outcome.as_str().replace(job, &forgotten)).unwrap();
    world.blobs.copy_once(&outcome, &copy).await.unwrap();
    let differences = audited(&world).await;
    assert_eq!(differences, [format!("job {forgotten} has ended and is not in the chain")]);
}

#[tokio::test]
async fn a_link_of_a_job_that_does_not_exist_is_found() {
    let mut world = World::new(5);
    let job = world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    for key in world.blobs.list("jobs/", None, usize::MAX).await.unwrap() {
        world.blobs.delete(&key).await.unwrap();
    }
    // Without any job left the project is no longer found by itself.
    let audit = world.costs.audit(&project()).await.unwrap().unwrap();
    let expected = format!("stands for a record of job {job} that is gone");
    assert!(audit.differences[0].contains(&expected), "{:?}", audit.differences);
}

#[tokio::test]
async fn open_jobs_and_jobs_that_end_later_are_no_differences() {
    let mut world = World::new(6);
    world.submit(1).await;
    let late = world.claim().await.unwrap();
    world.submit(2).await;
    world.pass(3600);
    world.costs.roll_up_all().await.unwrap();
    world.succeed(&late, 1_000_000).await;
    world.pass(3600);
    world.costs.roll_up_all().await.unwrap();
    assert_eq!(audited(&world).await, Vec::<String>::new());
}
