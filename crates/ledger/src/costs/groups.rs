//! Rows of usage in groups.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zkpool_types::cost::COST_CENTER_TAG;
use zkpool_types::{CostRow, CostSums, Dimension, UsageRow};

use super::{CostError, plus, sums_of};

/// Groups of one report. It bounds the memory that a report takes, at about 1 KB a group.
pub const GROUPS_MAX: usize = 100_000;

/// What separates values in the key of a group: no tag can hold it without being escaped.
const SEPARATOR: char = '\u{1f}';

/// Groups and their sums so far. Memory grows with groups and not with rows.
#[derive(Debug)]
pub struct Groups {
    by: Vec<Dimension>,
    found: HashMap<String, Group>,
    key: String,
}

#[derive(Debug)]
struct Group {
    values: Vec<Option<String>>,
    sums: CostSums,
}

impl Groups {
    /// No groups yet.
    #[must_use]
    pub fn new(by: &[Dimension]) -> Self {
        Self { by: by.to_vec(), found: HashMap::new(), key: String::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A sum does not fit, or there are too many groups.
    pub fn add_row(&mut self, row: &UsageRow) -> Result<(), CostError> {
        let values: Vec<_> = self.by.iter().map(|dimension| value_of(row, dimension)).collect();
        let sums = sums_of(row.kind, row.charge_nano_usd, row.waste_nano_usd, &row.usage);
        self.add(&values, &sums)
    }

    /// Adds sums to the group of these values, one for each dimension.
    ///
    /// # Errors
    /// A sum does not fit, or there are too many groups.
    pub fn add<T: AsRef<str>>(
        &mut self,
        values: &[Option<T>],
        sums: &CostSums,
    ) -> Result<(), CostError> {
        self.key.clear();
        for value in values {
            push_value(&mut self.key, value.as_ref().map(AsRef::as_ref));
        }
        if let Some(group) = self.found.get_mut(&self.key) {
            group.sums = plus(&group.sums, sums).ok_or(CostError::Overflow)?;
            return Ok(());
        }
        if self.found.len() >= GROUPS_MAX {
            return Err(CostError::TooManyGroups { max: GROUPS_MAX });
        }
        let values = values.iter().map(|value| value.as_ref().map(|v| v.as_ref().to_owned()));
        let group = Group { values: values.collect(), sums: *sums };
        self.found.insert(self.key.clone(), group);
        Ok(())
    }

    /// The groups in the order of their values, and the sum of all of them.
    ///
    /// # Errors
    /// The sum does not fit.
    pub fn finish(self) -> Result<(Vec<CostRow>, CostSums), CostError> {
        let Self { by, found, key: _ } = self;
        let sorted: BTreeMap<_, _> =
            found.into_values().map(|group| (group.values, group.sums)).collect();
        let total = sorted.values().try_fold(CostSums::default(), |total, sums| plus(&total, sums));
        let rows = sorted.into_iter().map(|(values, sums)| {
            let group = by.iter().cloned().zip(values).collect();
            CostRow { group, sums }
        });
        Ok((rows.collect(), total.ok_or(CostError::Overflow)?))
    }
}

/// An absent value differs from an empty one, and a separator within a value from one between two.
fn push_value(key: &mut String, value: Option<&str>) {
    if let Some(value) = value {
        key.push('=');
        for character in value.chars() {
            if character == SEPARATOR {
                key.push(SEPARATOR);
            }
            key.push(character);
        }
    }
    key.push(SEPARATOR);
    key.push('.');
}

/// The day of `at` in UTC.
#[must_use]
pub fn day_of(at: Timestamp) -> jiff::civil::Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// The month of `day`, such as `2026-11`.
#[must_use]
pub fn month_of(day: jiff::civil::Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// The value of a dimension; `None` where the row has none.
fn value_of(row: &UsageRow, dimension: &Dimension) -> Option<String> {
    match dimension {
        Dimension::Project => Some(row.project.to_string()),
        Dimension::Circuit => Some(row.circuit.to_string()),
        Dimension::Tag(name) => row.tags.get(name).cloned(),
        Dimension::CostCenter => row.tags.get(COST_CENTER_TAG).cloned(),
        Dimension::Tags => serde_json::to_string(&row.tags).ok(),
        Dimension::Device => row.device.as_ref().map(ToString::to_string),
        Dimension::Day => Some(day_of(row.billed_at).to_string()),
        Dimension::Month => Some(month_of(day_of(row.billed_at))),
        Dimension::Kind => Some(row.kind.name().to_owned()),
        Dimension::Proof => Some(row.job.to_string()),
    }
}
