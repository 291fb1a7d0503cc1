//! Reports over a month of proofs, as a server on one machine makes them, timed.
//!
//! ```text
//! cargo run --release -p zkpool-billing --example month [PROOFS]
//! ```
//!
//! The month has 30 days of 24 partitions, with 40 circuits, 3 classes of device and 100 teams.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures says what it found, and stops where it cannot"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use zkpool_billing::{Costs, Performance, partition};
use zkpool_jobs::{Jobs, Ports, keys};
use zkpool_ledger::PriceBook;
use zkpool_ports::disk::DiskBlobs;
use zkpool_ports::memory::MemoryQueue;
use zkpool_ports::{BlobStore, Clock, Durability, OsRng, QueuePolicy, SystemClock, TimeOrderedIds};
use zkpool_types::chain::{Batch, BatchHint, ChainHead, RollupMark};
use zkpool_types::{
    CircuitRef, CostKind, CostQuery, DeviceClass, JobId, JobState, ProjectId, Sha256Digest, Usage,
    UsageRow,
};

const PROOFS_DEFAULT: u64 = 1_000_000;
const HOURS: u64 = 30 * 24;
const CIRCUITS: u64 = 40;

fn main() {
    #[allow(clippy::disallowed_methods, reason = "an example has no command line of its own")]
    let proofs = std::env::args().nth(1).map_or(PROOFS_DEFAULT, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(measure(proofs));
}

async fn measure(proofs: u64) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::new());
    let blobs = Arc::new(DiskBlobs::open(folder.path()).unwrap());
    let charged = write_month(blobs.as_ref(), proofs).await;
    println!("{proofs} proofs in {HOURS} partitions, {} of memory so far", peak_memory());
    let ports = ports(blobs, clock.clone());
    let costs = Costs::new(ports.clone());
    let queries =
        ["", "circuit", "day", "device", "tag:team", "cost-center,month", "day,circuit,device"];
    for by in queries {
        let group_by = by.split(',').filter(|by| !by.is_empty());
        let query = CostQuery {
            from: date(2026, 11, 1),
            to: date(2026, 11, 30),
            group_by: group_by.map(|by| by.parse().unwrap()).collect(),
        };
        let before = clock.elapsed();
        let report = costs.report(&project(), &query).await.unwrap();
        let took = clock.elapsed() - before;
        assert_eq!((report.total_nano_usd, report.total.proofs), (charged, proofs));
        let (rows, peak) = (report.rows.len(), peak_memory());
        println!("by [{by}]: {rows} rows in {:.2} s, at most {peak}", took.as_secs_f64());
    }
    let query = CostQuery { from: date(2026, 11, 1), to: date(2026, 11, 30), group_by: Vec::new() };
    let before = clock.elapsed();
    let csv = costs.export(&project(), &query).await.unwrap().csv();
    let took = (clock.elapsed() - before).as_secs_f64();
    let lines = csv.lines().count();
    println!("FOCUS in full detail: {lines} lines in {took:.2} s, at most {}", peak_memory());
    let jobs = Jobs::new(ports.clone(), Arc::new(PriceBook::builtin().unwrap()));
    let circuits: Vec<_> = (0..CIRCUITS).map(circuit).collect();
    for circuits in [&circuits[..1], &circuits] {
        let before = clock.elapsed();
        let days = (date(2026, 11, 1), date(2026, 11, 30));
        let performance = Performance::new(ports.clone(), jobs.clone());
        let told = performance.over(&project(), circuits, days).await.unwrap();
        let took = (clock.elapsed() - before).as_secs_f64();
        let of: u64 = told.iter().map(|circuit| circuit.reliability.succeeded).sum();
        let (count, peak) = (circuits.len(), peak_memory());
        println!("performance of {count} circuits: {of} proofs in {took:.2} s, at most {peak}");
    }
}

fn circuit(number: u64) -> CircuitRef {
    CircuitRef::of_key(&format!("circuit-{number}"), &Sha256Digest::of(b"key")).unwrap()
}

fn project() -> ProjectId {
    "acme".parse().unwrap()
}

fn ports(blobs: Arc<DiskBlobs>, clock: Arc<SystemClock>) -> Ports {
    let rng = Arc::new(OsRng::new().unwrap());
    let ids = Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone()));
    let queue = || Arc::new(MemoryQueue::new(QueuePolicy { receives_max: 3 }, clock.clone()));
    let (queue, notices) = (queue(), queue());
    Ports { blobs, queue, notices, clock, ids, rng }
}

/// Writes what a roll-up of every hour leaves. Returns the charge of all of it.
async fn write_month(blobs: &DiskBlobs, proofs: u64) -> i64 {
    let first = TimeZone::UTC.to_timestamp(date(2026, 11, 1).at(0, 0, 0, 0)).unwrap();
    let (mut charged, mut days) = (0, BTreeMap::new());
    for hour in 0..HOURS {
        let at = first + (hour * 3600 + 1).to_string().parse::<i64>().unwrap().seconds();
        let (from, to) = (proofs * hour / HOURS, proofs * (hour + 1) / HOURS);
        let rows: Vec<_> = (from..to).map(|number| row(number, at)).collect();
        charged += rows.iter().map(|row| row.charge_nano_usd).sum::<i64>();
        let day = TimeZone::UTC.to_datetime(at);
        let key = keys::partition(&project(), day.date(), day.hour(), hour + 1);
        let file = partition::write(&rows).unwrap();
        blobs.put(&key, file.into(), Durability::Cached).await.unwrap();
        *days.entry(day.date()).or_default() += to - from;
    }
    let batch = Batch {
        number: HOURS,
        project: project(),
        rolled_up_at: first,
        links: Vec::new(),
        head: ChainHead::default(),
        closed_through: None,
        closed_by: None,
        mark: RollupMark::default(),
        days,
    };
    let hint = BatchHint { number: HOURS, complete: true };
    let (batch, hint) = (serde_json::to_vec(&batch).unwrap(), serde_json::to_vec(&hint).unwrap());
    let durability = Durability::Cached;
    blobs.put(&keys::batch(&project(), HOURS), batch.into(), durability).await.unwrap();
    blobs.put(&keys::batch_hint(&project()), hint.into(), durability).await.unwrap();
    charged
}

/// A proof whose figures follow from its number.
fn row(number: u64, at: Timestamp) -> UsageRow {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let device = ["cpu", "nvidia-l4", "nvidia-h100"][(mixed % 3) as usize];
    let device_us = 100_000 + mixed % 1_000_000;
    let tags = BTreeMap::from([
        ("team".to_owned(), format!("team-{}", mixed % 100)),
        ("cost-center".to_owned(), format!("cc-{}", mixed % 100 % 7)),
    ]);
    UsageRow {
        kind: CostKind::Proof,
        job: format!("019abcde-{:04x}-7000-8000-{number:012x}", number % 65_536)
            .parse::<JobId>()
            .unwrap(),
        attempt: None,
        project: project(),
        circuit: circuit(mixed % CIRCUITS),
        state: JobState::Succeeded,
        failure: None,
        device: Some(DeviceClass::new(device)),
        tags,
        price_book: "2026-11-23".to_owned(),
        reserved_in: None,
        finished_at: at,
        billed_at: at,
        usage: Usage {
            queue_us: mixed % 10_000,
            fetch_us: 900,
            witness_us: device_us / 10,
            ntt_us: device_us / 5,
            msm_us: device_us / 2,
            verify_us: device_us / 20,
            device_us,
            witness_bytes: 40_000,
            proof_bytes: 800,
            requests: 186,
            attempts: 1,
            ..Usage::default()
        },
        charge_nano_usd: i64::try_from(40_000 + mixed % 100_000).unwrap(),
        waste_nano_usd: 0,
        metered_nano_usd: i64::try_from(40_000 + mixed % 100_000).unwrap(),
    }
}

/// The most memory that this process has had, as Linux tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "an unknown amount".to_owned(), |text| text.trim().to_owned())
}
