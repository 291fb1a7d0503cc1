//! Reports over partitions: rows in groups.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use jiff::civil::Date;
use parquet::data_type::ByteArray;
use zkpool_ledger::costs::{Groups, month_of, sums_of};
use zkpool_types::cost::COST_CENTER_TAG;
use zkpool_types::{Dimension, ProjectId, Usage, UsageRow};

use super::{USAGE, kind_of, utf8};
use crate::BillingError;
use crate::sum::Sum;
use crate::table::{Columns, TableError};

/// Rows of a project in groups.
#[derive(Debug)]
pub(crate) struct Grouping<'a> {
    project: &'a ProjectId,
    by: &'a [Dimension],
    pub(crate) groups: Groups,
}

impl<'a> Grouping<'a> {
    /// No rows yet.
    pub(crate) fn new(project: &'a ProjectId, by: &'a [Dimension]) -> Self {
        Self { project, by, groups: Groups::new(by) }
    }
}

impl Sum for Grouping<'_> {
    /// Every version of a partition has what reports need.
    fn add_partition(&mut self, file: Bytes, day: Date) -> Result<Option<usize>, BillingError> {
        Ok(Some(add(file, self.project, day, self.by, &mut self.groups)?))
    }

    fn add_row(&mut self, row: &UsageRow) -> Result<(), BillingError> {
        Ok(self.groups.add_row(row)?)
    }
}

/// Adds every row of a partition of `day` to `groups`. Returns how many there are.
fn add(
    file: Bytes,
    project: &ProjectId,
    day: Date,
    by: &[Dimension],
    groups: &mut Groups,
) -> Result<usize, BillingError> {
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
    Ok(columns.rows())
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
