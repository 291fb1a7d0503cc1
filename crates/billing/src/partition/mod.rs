//! Partitions: rows of usage as Parquet files, and sums over them column by column.
//!
//! Columns are added and never changed. A file of a version before this one lacks the latest ones;
//! whoever needs them has the rows made again from their records.

mod grouping;

use std::str::from_utf8;

use bytes::Bytes;
use jiff::Timestamp;
use parquet::data_type::ByteArray;
use serde::de::DeserializeOwned;
use zkpool_types::{CostKind, Usage, UsageRow};

use crate::BillingError;
use crate::table::{Cells, Column, Columns, TableError, write_parquet};

pub(crate) use grouping::Grouping;

type Get = fn(&Usage) -> u64;
type Set = fn(&mut Usage, u64);

macro_rules! usage_columns {
    ($($field:ident)*) => {
        /// What is metered, by the name of its column.
        const USAGE: &[(&str, Get, Set)] = &[$((
            stringify!($field),
            |usage| u64::from(usage.$field),
            |usage, value| usage.$field = value.try_into().unwrap_or_default(),
        ),)*];
    };
}

usage_columns! {
    queue_us fetch_us witness_us ntt_us msm_us verify_us device_us fallback_us
    witness_bytes proof_bytes requests storage_writes storage_reads queue_requests
    self_check_failures attempts
}

/// Text columns that every partition has.
const TEXTS: [&str; 9] =
    ["kind", "job", "attempt", "project", "circuit", "state", "device", "tags", "price_book"];

/// Text columns that were added.
const ADDED_TEXTS: [&str; 2] = ["failure", "reserved_in"];

/// A column of amounts that was added with them.
pub(crate) const METERED: &str = "metered_usd";

/// Amounts and times that every partition has.
const NUMBERS: [&str; 4] = ["finished_at", "billed_at", "charge_usd", "waste_usd"];

/// The rows as a Parquet file.
///
/// # Errors
/// A row cannot be written.
pub fn write(rows: &[UsageRow]) -> Result<Vec<u8>, BillingError> {
    let mut columns: Vec<_> = TEXTS
        .into_iter()
        .chain(ADDED_TEXTS)
        .map(|name| Column::text(name, rows.iter().map(|row| text_of(row, name))))
        .collect();
    let number = |name: &str, cells: fn(Vec<i64>) -> Cells, get: fn(&UsageRow) -> i64| {
        Column::new(name, cells(rows.iter().map(get).collect()))
    };
    columns.extend([
        number("finished_at", Cells::Time, |row| row.finished_at.as_microsecond()),
        number("billed_at", Cells::Time, |row| row.billed_at.as_microsecond()),
        number("charge_usd", Cells::Decimal, |row| row.charge_nano_usd),
        number("waste_usd", Cells::Decimal, |row| row.waste_nano_usd),
        number(METERED, Cells::Decimal, |row| row.metered_nano_usd),
    ]);
    columns.extend(USAGE.iter().map(|(name, get, _)| {
        let values = rows.iter().map(|row| get(&row.usage).try_into().unwrap_or(i64::MAX));
        Column::new(*name, Cells::Whole(values.collect()))
    }));
    Ok(write_parquet(&columns)?)
}

fn text_of(row: &UsageRow, column: &str) -> Option<String> {
    match column {
        "kind" => Some(row.kind.name().to_owned()),
        "job" => Some(row.job.to_string()),
        "attempt" => row.attempt.map(|attempt| attempt.to_string()),
        "project" => Some(row.project.to_string()),
        "circuit" => Some(row.circuit.to_string()),
        "state" => Some(row.state.name().to_owned()),
        "device" => row.device.as_ref().map(ToString::to_string),
        "tags" => serde_json::to_string(&row.tags).ok(),
        "failure" => row.failure.map(|code| code.as_str().to_owned()),
        "reserved_in" => row.reserved_in.clone(),
        _ => Some(row.price_book.clone()),
    }
}

/// The rows of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Every row.
    pub rows: Vec<UsageRow>,
    /// Whether a version before this one wrote them. They are as [`as_older`] has
    /// them.
    pub older: bool,
}

/// Every row of a partition.
///
/// # Errors
/// The file is not one that [`write()`] made.
pub fn read(file: Bytes) -> Result<Rows, BillingError> {
    let mut names = [&TEXTS[..], &NUMBERS, &ADDED_TEXTS, &[METERED]].concat();
    names.extend(USAGE.iter().map(|(name, ..)| *name));
    let columns = Columns::read(file, &names)?;
    let older = is_older(&columns);
    let rows = (0..columns.rows()).map(|row| read_row(&columns, row, older));
    Ok(Rows { rows: rows.collect::<Result<_, _>>()?, older })
}

/// Whether a version before this one wrote the partition whose columns, [`METERED`] among them,
/// were asked for.
pub(crate) fn is_older(columns: &Columns) -> bool {
    !columns.has(METERED)
}

/// A row as a version before this one wrote it. What it was metered at is what it was charged or
/// wasted, which is the same but where a price was agreed.
#[must_use]
pub fn as_older(row: UsageRow) -> UsageRow {
    let metered_nano_usd = match row.kind {
        CostKind::Correction => 0,
        _ => row.charge_nano_usd.saturating_add(row.waste_nano_usd),
    };
    UsageRow { failure: None, reserved_in: None, metered_nano_usd, ..row }
}

fn read_row(columns: &Columns, row: usize, older: bool) -> Result<UsageRow, BillingError> {
    let time = |name| -> Result<Timestamp, TableError> {
        let us = columns.numbers(name)?[row];
        Timestamp::from_microsecond(us)
            .map_err(|_| TableError::Cell { column: "time", found: us.to_string() })
    };
    let tags = columns.text("tags")?[row].as_ref().map_or("{}", utf8);
    let read = UsageRow {
        kind: cell(columns, "kind", row)?,
        job: cell(columns, "job", row)?,
        attempt: cell(columns, "attempt", row)?,
        project: cell(columns, "project", row)?,
        circuit: cell(columns, "circuit", row)?,
        state: cell(columns, "state", row)?,
        failure: None,
        device: cell(columns, "device", row)?,
        tags: serde_json::from_str(tags)
            .map_err(|_| TableError::Cell { column: "tags", found: tags.to_owned() })?,
        price_book: cell(columns, "price_book", row)?,
        reserved_in: None,
        finished_at: time("finished_at")?,
        billed_at: time("billed_at")?,
        usage: usage_of(columns, row)?,
        charge_nano_usd: columns.numbers("charge_usd")?[row],
        waste_nano_usd: columns.numbers("waste_usd")?[row],
        metered_nano_usd: 0,
    };
    if older {
        return Ok(as_older(read));
    }
    Ok(UsageRow {
        failure: cell(columns, "failure", row)?,
        reserved_in: cell(columns, "reserved_in", row)?,
        metered_nano_usd: columns.numbers(METERED)?[row],
        ..read
    })
}

/// A cell as the type whose JSON is that string; an absent one is null.
pub(crate) fn cell<T: DeserializeOwned>(
    columns: &Columns,
    column: &'static str,
    row: usize,
) -> Result<T, TableError> {
    let text = columns.text(column)?[row].as_ref().map(utf8);
    serde_json::from_value(text.into())
        .map_err(|_| TableError::Cell { column, found: text.unwrap_or_default().to_owned() })
}

fn usage_of(columns: &Columns, row: usize) -> Result<Usage, TableError> {
    let mut usage = Usage::default();
    for (name, _, set) in USAGE {
        set(&mut usage, columns.numbers(name)?[row].try_into().unwrap_or_default());
    }
    Ok(usage)
}

/// Text that a writer of ours has put there.
pub(crate) fn utf8(bytes: &ByteArray) -> &str {
    from_utf8(bytes.data()).unwrap_or_default()
}

/// What the row of a cell stands for.
pub(crate) fn kind_of(text: Option<&str>) -> Result<CostKind, TableError> {
    let found = text.unwrap_or_default();
    CostKind::ALL
        .into_iter()
        .find(|kind| kind.name() == found)
        .ok_or_else(|| TableError::Cell { column: "kind", found: found.to_owned() })
}
