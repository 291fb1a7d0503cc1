//! Partitions of the version before this one, which lacks columns that later questions need.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use zkpool_billing::partition::{self, Rows};
use zkpool_ports::{BlobStore, Durability};
use zkpool_types::{Dimension, UsageRow};

use crate::performance::proofs_told;
use crate::world::{World, project};

const TEXTS: [&str; 9] =
    ["kind", "job", "attempt", "project", "circuit", "state", "device", "tags", "price_book"];

/// Names of numbers, and where they are found in the JSON of a row.
const NUMBERS: [(&str, &str); 20] = [
    ("finished_at", "/finished_at"),
    ("billed_at", "/billed_at"),
    ("charge_usd", "/charge_nano_usd"),
    ("waste_usd", "/waste_nano_usd"),
    ("queue_us", "/usage/queue_us"),
    ("fetch_us", "/usage/fetch_us"),
    ("witness_us", "/usage/witness_us"),
    ("ntt_us", "/usage/ntt_us"),
    ("msm_us", "/usage/msm_us"),
    ("verify_us", "/usage/verify_us"),
    ("device_us", "/usage/device_us"),
    ("fallback_us", "/usage/fallback_us"),
    ("witness_bytes", "/usage/witness_bytes"),
    ("proof_bytes", "/usage/proof_bytes"),
    ("requests", "/usage/requests"),
    ("storage_writes", "/usage/storage_writes"),
    ("storage_reads", "/usage/storage_reads"),
    ("queue_requests", "/usage/queue_requests"),
    ("self_check_failures", "/usage/self_check_failures"),
    ("attempts", "/usage/attempts"),
];

/// The rows as that version wrote them.
fn older(rows: &[UsageRow]) -> Vec<u8> {
    let texts = TEXTS.map(|name| format!("optional binary {name} (STRING);"));
    let numbers = NUMBERS.map(|(name, _)| format!("required int64 {name};"));
    let message = format!("message table {{ {} {} }}", texts.concat(), numbers.concat());
    let schema = Arc::new(parse_message_type(&message).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let rows: Vec<Value> = rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    let mut group = writer.next_row_group().unwrap();
    for name in TEXTS {
        let cells: Vec<_> = rows.iter().map(|row| text(&row[name])).collect();
        let present: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
        let values: Vec<_> =
            cells.iter().flatten().map(|cell| ByteArray::from(cell.as_str())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&present), None).unwrap();
        column.close().unwrap();
    }
    for (_, pointer) in NUMBERS {
        let values: Vec<_> = rows.iter().map(|row| number(row.pointer(pointer))).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A number, or a time in microseconds. What is nothing is left out of the JSON.
fn number(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::String(time)) => time.parse::<jiff::Timestamp>().unwrap().as_microsecond(),
        Some(number) => number.as_i64().unwrap(),
        None => 0,
    }
}

/// Writes every partition again as that version did.
async fn age(world: &World) {
    for key in world.blobs.list("usage/", None, usize::MAX).await.unwrap() {
        let file = world.blobs.get(&key, u64::MAX).await.unwrap();
        let Rows { rows, older: is_older } = partition::read(file).unwrap();
        assert!(!is_older);
        world.blobs.put(&key, older(&rows).into(), Durability::Durable).await.unwrap();
    }
}

#[tokio::test]
async fn older_partitions_are_reported_audited_and_counted_like_new_ones() {
    let mut world = World::new(1);
    for n in 0..5 {
        let job = world.prove(n, 1_000 + u64::from(n)).await;
        world.correct(job, -1).await.unwrap();
        world.pass(3600);
    }
    let by = [Dimension::Circuit, Dimension::Tags, Dimension::Kind];
    let before = world.report(&by).await;
    world.costs.roll_up(&project()).await.unwrap();
    age(&world).await;
    let after = world.report(&by).await;
    assert_eq!((after.rows, after.total), (before.rows, before.total));
    assert_eq!(proofs_told(&world).await, 5);
    let audits = world.costs.audit_all().await.unwrap();
    assert_eq!((audits[0].rows, audits[0].differences.len()), (10, 0), "{audits:?}");
}

#[tokio::test]
async fn proofs_of_older_partitions_count_also_when_their_records_were_kept_no_longer() {
    let mut world = World::new(2);
    world.prove(1, 1_000).await;
    world.costs.roll_up(&project()).await.unwrap();
    age(&world).await;
    for key in world.blobs.list("jobs/", None, usize::MAX).await.unwrap() {
        world.blobs.delete(&key).await.unwrap();
    }
    assert_eq!(proofs_told(&world).await, 1);
}
