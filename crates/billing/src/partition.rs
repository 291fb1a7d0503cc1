//! Partitions: rows of usage as Parquet files, and reports over them column by column.

use std::collections::{BTreeMap, HashMap};
use std::str::from_utf8;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use parquet::data_type::ByteArray;
use serde::de::DeserializeOwned;
use zkpool_ledger::costs::{Groups, month_of, sums_of};
use zkpool_types::cost::COST_CENTER_TAG;
use zkpool_types::{CostKind, Dimension, ProjectId, Usage, UsageRow};

use crate::BillingError;
use crate::table::{Cells, Column, Columns, TableError, write_parquet};

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

/// Text columns of a partition.
const TEXTS: [&str; 9] =
    ["kind", "job", "attempt", "project", "circuit", "state", "device", "tags", "price_book"];

/// The rows as a Parquet file.
///
/// # Errors
/// A row cannot be written.
pub fn write(rows: &[UsageRow]) -> Result<Vec<u8>, BillingError> {
    let mut columns: Vec<_> = TEXTS
        .into_iter()
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
        _ => Some(row.price_book.clone()),
    }
}

/// Every row of a partition.
///
/// # Errors
/// The file is not one that [`write()`] made.
pub fn read(file: Bytes) -> Result<Vec<UsageRow>, BillingError> {
    let mut names = TEXTS.to_vec();
    names.extend(["finished_at", "billed_at", "charge_usd", "waste_usd"]);
    names.extend(USAGE.iter().map(|(name, ..)| *name));
    let columns = Columns::read(file, &names)?;
    (0..columns.rows()).map(|row| read_row(&columns, row)).collect()
}

fn read_row(columns: &Columns, row: usize) -> Result<UsageRow, BillingError> {
    let time = |name| -> Result<Timestamp, TableError> {
        let us = columns.numbers(name)?[row];
        Timestamp::from_microsecond(us)
            .map_err(|_| TableError::Cell { column: "time", found: us.to_string() })
    };
    let tags = columns.text("tags")?[row].as_ref().map_or("{}", utf8);
    Ok(UsageRow {
        kind: cell(columns, "kind", row)?,
        job: cell(columns, "job", row)?,
        attempt: cell(columns, "attempt", row)?,
        project: cell(columns, "project", row)?,
        circuit: cell(columns, "circuit", row)?,
        state: cell(columns, "state", row)?,
        device: cell(columns, "device", row)?,
        tags: serde_json::from_str(tags)
            .map_err(|_| TableError::Cell { column: "tags", found: tags.to_owned() })?,
        price_book: cell(columns, "price_book", row)?,
        finished_at: time("finished_at")?,
        billed_at: time("billed_at")?,
        usage: usage_of(columns, row)?,
        charge_nano_usd: columns.numbers("charge_usd")?[row],
        waste_nano_usd: columns.numbers("waste_usd")?[row],
    })
}

/// A cell as the type whose JSON is that string; an absent one is null.
fn cell<T: DeserializeOwned>(
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
fn utf8(bytes: &ByteArray) -> &str {
    from_utf8(bytes.data()).unwrap_or_default()
}

/// Adds every row of a partition of `day` to `groups`.
///
/// # Errors
/// The file is not one that [`write()`] made, or the groups are too many.
pub fn add(
    file: Bytes,
    project: &ProjectId,
    day: Date,
    by: &[Dimension],
    groups: &mut Groups,
) -> Result<(), BillingError> {
    let mut names = vec!["kind", "charge_usd", "waste_usd"];
    names.extend(USAGE.iter().map(|(name, ..)| *name));
    names.extend(by.iter().filter_map(column_of));
    let columns = Columns::read(file, &names)?;
    let grouped = Grouped {
        columns: &columns,
        project: project.to_string(),
        day: day.to_string(),
        month: month_of(day),
    };
    let mut tags = TagCache::default();
    let (kinds, charges) = (columns.text("kind")?, columns.numbers("charge_usd")?);
    let wastes = columns.numbers("waste_usd")?;
    let usage: Vec<_> = USAGE
        .iter()
        .map(|(name, _, set)| Ok((columns.numbers(name)?, set)))
        .collect::<Result<_, TableError>>()?;
    for row in 0..columns.rows() {
        let kind = kind_of(kinds[row].as_ref().map(utf8))?;
        let mut metered = Usage::default();
        for (cells, set) in &usage {
            set(&mut metered, cells[row].try_into().unwrap_or_default());
        }
        let values: Vec<_> = by
            .iter()
            .map(|dimension| grouped.value(dimension, row, &mut tags))
            .collect::<Result<_, TableError>>()?;
        groups.add(&values, &sums_of(kind, charges[row], wastes[row], &metered))?;
    }
    Ok(())
}

fn kind_of(text: Option<&str>) -> Result<CostKind, TableError> {
    let found = text.unwrap_or_default();
    CostKind::ALL
        .into_iter()
        .find(|kind| kind.name() == found)
        .ok_or_else(|| TableError::Cell { column: "kind", found: found.to_owned() })
}

/// The column that a dimension takes its values from, if one.
const fn column_of(dimension: &Dimension) -> Option<&'static str> {
    match dimension {
        Dimension::Circuit => Some("circuit"),
        Dimension::Tag(_) | Dimension::CostCenter | Dimension::Tags => Some("tags"),
        Dimension::Device => Some("device"),
        Dimension::Kind => Some("kind"),
        Dimension::Proof => Some("job"),
        Dimension::Project | Dimension::Day | Dimension::Month => None,
    }
}

/// Values of tags by the JSON that they stand in: many rows have the same.
#[derive(Default)]
struct TagCache(HashMap<Vec<u8>, BTreeMap<String, String>>);

impl TagCache {
    fn get(&mut self, json: &ByteArray, name: &str) -> Option<String> {
        if let Some(tags) = self.0.get(json.data()) {
            return tags.get(name).cloned();
        }
        let tags: BTreeMap<String, String> =
            serde_json::from_slice(json.data()).unwrap_or_default();
        let value = tags.get(name).cloned();
        self.0.insert(json.data().to_vec(), tags);
        value
    }
}

/// A partition whose rows are to be grouped.
struct Grouped<'a> {
    columns: &'a Columns,
    project: String,
    day: String,
    month: String,
}

impl Grouped<'_> {
    fn value(
        &self,
        dimension: &Dimension,
        row: usize,
        tags: &mut TagCache,
    ) -> Result<Option<String>, TableError> {
        let name = match dimension {
            Dimension::Project => return Ok(Some(self.project.clone())),
            Dimension::Day => return Ok(Some(self.day.clone())),
            Dimension::Month => return Ok(Some(self.month.clone())),
            Dimension::Tag(name) => name.as_str(),
            Dimension::CostCenter => COST_CENTER_TAG,
            _ => "",
        };
        let Some(column) = column_of(dimension) else { return Ok(None) };
        let cell = &self.columns.text(column)?[row];
        Ok(match (cell, dimension) {
            (Some(json), Dimension::Tag(_) | Dimension::CostCenter) => tags.get(json, name),
            (cell, _) => cell.as_ref().map(|text| utf8(text).to_owned()),
        })
    }
}
