//! A check finds every row that is not what its records come to.

use zkpool_ports::{BlobKey, BlobStore, Durability};

use crate::world::World;

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
}

#[tokio::test]
async fn each_batch_is_checked_once() {
    let mut world = World::new(3);
    world.prove(1, 1_000_000).await;
    world.costs.roll_up_all().await.unwrap();
    assert_eq!(world.costs.audit_all().await.unwrap().len(), 1);
    assert!(world.costs.audit_all().await.unwrap().is_empty());
}
