//! A cost report over time, broken down by one dimension: the sums behind charts and tables.
//!
//! Sums are those of the report, added up with nothing rounded, so that what a page shows is what
//! the API answers.

use std::collections::BTreeMap;

use zkpool_ledger::costs::plus;
use zkpool_types::{CostQuery, CostReport, CostRow, CostSums, Dimension, ErrorCode, ProjectId};

use crate::dashboard::charts::{Columns, SERIES_MAX, Series, Unit};
use crate::dashboard::format::{self, Amount};
use crate::dashboard::period::{Column, Period};
use crate::{ApiError, ApiResult, Context};

/// A report broken down.
pub(crate) struct Breakdown {
    pub(crate) by: Dimension,
    pub(crate) columns: Vec<Column>,
    /// The groups, largest charge first; days and months in their order.
    pub(crate) groups: Vec<Group>,
    pub(crate) total: CostSums,
    /// The latest month that is closed.
    pub(crate) closed_through: Option<String>,
}

/// One value of the dimension.
pub(crate) struct Group {
    pub(crate) value: Option<String>,
    pub(crate) sums: CostSums,
    /// The sums of each column.
    pub(crate) over_time: Vec<CostSums>,
}

impl Breakdown {
    /// The costs of a project in this period, by `by`.
    pub(crate) async fn read(
        context: &Context,
        project: &ProjectId,
        period: Period,
        by: &Dimension,
    ) -> ApiResult<Self> {
        let step = period.step();
        let mut group_by = vec![step.clone()];
        if *by != step {
            group_by.push(by.clone());
        }
        let query = CostQuery { from: period.from, to: period.to, group_by };
        let report = context.costs().report(project, &query).await?;
        Self::new(&report, period, by).ok_or_else(|| {
            ApiError::new(ErrorCode::Internal, "expected sums that fit 64 bits, found more")
        })
    }

    /// `None` where a sum does not fit, which the report's own sums have ruled out.
    fn new(report: &CostReport, period: Period, by: &Dimension) -> Option<Self> {
        let (step, columns) = (period.step(), period.columns());
        let index: BTreeMap<&str, usize> =
            columns.iter().enumerate().map(|(index, column)| (&*column.key, index)).collect();
        let mut found: BTreeMap<Option<String>, Vec<CostSums>> = BTreeMap::new();
        for row in &report.rows {
            let empty = || vec![CostSums::default(); columns.len()];
            let over_time = found.entry(value(row, by)).or_insert_with(empty);
            let column = value(row, &step).and_then(|key| index.get(&*key).copied())?;
            over_time[column] = plus(&over_time[column], &row.sums)?;
        }
        let mut groups = found
            .into_iter()
            .map(|(value, over_time)| {
                let sums = sum(&over_time)?;
                Some(Group { value, sums, over_time })
            })
            .collect::<Option<Vec<_>>>()?;
        if !matches!(by, Dimension::Day | Dimension::Month) {
            // Equal charges stay in the order of their names.
            groups.sort_by_key(|group| std::cmp::Reverse(group.sums.charge_nano_usd));
        }
        let (total, closed_through) = (report.total, report.closed_through.clone());
        Some(Self { by: by.clone(), columns, groups, total, closed_through })
    }

    /// Spend over time, stacked by the largest groups and one for the rest.
    pub(crate) fn spend_chart(&self) -> Columns {
        let stacked = !matches!(self.by, Dimension::Day | Dimension::Month);
        let kept = if stacked { SERIES_MAX } else { 0 };
        let (large, rest) = self.groups.split_at(kept.min(self.groups.len()));
        let mut series: Vec<Series> = large.iter().map(|group| self.series_of(group)).collect();
        if !rest.is_empty() {
            let values = rest.iter().map(|group| charges(&group.over_time)).reduce(added);
            let name = if stacked { format!("{} others", rest.len()) } else { String::new() };
            series.push(Series { name, values: values.unwrap_or_default() });
        }
        let names = self.columns.iter().map(|column| column.name.clone()).collect();
        let description = format!(
            "Spend over time in US dollars, {} in all; the figures are in the table",
            Amount::signed(self.total.charge_nano_usd)
        );
        Columns { description, unit: Unit::NanoUsd, names, series }
    }

    fn series_of(&self, group: &Group) -> Series {
        Series { name: self.name_of(group), values: charges(&group.over_time) }
    }

    /// The group's value, or words for that there is none.
    pub(crate) fn name_of(&self, group: &Group) -> String {
        match (&group.value, &self.by) {
            (Some(value), _) => value.clone(),
            (None, Dimension::Tag(name)) => format!("without the tag {name}"),
            (None, by) => format!("without a {}", dimension_name(by).to_lowercase()),
        }
    }

    /// The groups as rows of a table.
    pub(crate) fn rows(&self) -> Vec<SumsRow> {
        let row = |group: &Group| SumsRow::new(self.name_of(group), &group.sums, &self.total);
        self.groups.iter().map(row).collect()
    }

    /// The columns as rows of a table, the latest first, without those in which nothing happened.
    pub(crate) fn rows_over_time(&self) -> Vec<SumsRow> {
        let rows = self.columns.iter().enumerate().rev().filter_map(|(index, column)| {
            let sums = self.sums_at(index)?;
            let happened = sums != CostSums::default();
            happened.then(|| SumsRow::new(column.key.clone(), &sums, &self.total))
        });
        rows.collect()
    }

    /// The sums of all groups in a column.
    pub(crate) fn sums_at(&self, column: usize) -> Option<CostSums> {
        let at: Vec<_> = self.groups.iter().map(|group| group.over_time[column]).collect();
        sum(&at)
    }

    /// All rows together.
    pub(crate) fn total_row(&self) -> SumsRow {
        SumsRow::new("Total".to_owned(), &self.total, &self.total)
    }
}

fn value(row: &CostRow, dimension: &Dimension) -> Option<String> {
    row.group.get(dimension).cloned().flatten()
}

fn sum(sums: &[CostSums]) -> Option<CostSums> {
    sums.iter().try_fold(CostSums::default(), |total, sums| plus(&total, sums))
}

/// Charges as a chart draws them. A column of nothing but credits is drawn as none.
fn charges(over_time: &[CostSums]) -> Vec<u64> {
    over_time.iter().map(|sums| u64::try_from(sums.charge_nano_usd).unwrap_or(0)).collect()
}

fn added(left: Vec<u64>, right: Vec<u64>) -> Vec<u64> {
    left.into_iter().zip(right).map(|(left, right)| left.saturating_add(right)).collect()
}

/// A dimension as headings write it.
pub(crate) fn dimension_name(dimension: &Dimension) -> String {
    match dimension {
        Dimension::Project => "Project".to_owned(),
        Dimension::Circuit => "Circuit".to_owned(),
        Dimension::Tag(name) => format!("Tag {name}"),
        Dimension::CostCenter => "Cost centre".to_owned(),
        Dimension::Tags => "Tags".to_owned(),
        Dimension::Device => "Device class".to_owned(),
        Dimension::Day => "Day".to_owned(),
        Dimension::Month => "Month".to_owned(),
        Dimension::Kind => "Kind".to_owned(),
        Dimension::Proof => "Proof".to_owned(),
    }
}

/// Sums as a row of a table.
pub(crate) struct SumsRow {
    pub(crate) name: String,
    pub(crate) proofs: String,
    pub(crate) failures: String,
    pub(crate) charge: Amount,
    pub(crate) share: String,
    pub(crate) per_proof: Option<Amount>,
    pub(crate) waste: Amount,
    pub(crate) device_ms: String,
}

impl SumsRow {
    fn new(name: String, sums: &CostSums, total: &CostSums) -> Self {
        let part = |amount: i64| u64::try_from(amount).unwrap_or(0);
        Self {
            name,
            proofs: format::grouped(sums.proofs),
            failures: format::grouped(sums.failures),
            charge: Amount::signed(sums.charge_nano_usd),
            share: format::share(part(sums.charge_nano_usd), part(total.charge_nano_usd)),
            per_proof: per_proof(sums).map(Amount::signed),
            waste: Amount::signed(sums.waste_nano_usd),
            device_ms: format::milliseconds(sums.usage.device_us),
        }
    }
}

/// The mean charge of a proof without corrections, rounded half up; `None` where there is none.
pub(crate) fn per_proof(sums: &CostSums) -> Option<i64> {
    let charge = i128::from(sums.charge_nano_usd) - i128::from(sums.corrections_nano_usd);
    let proofs = i128::from(sums.proofs);
    let mean = (2 * charge + proofs).checked_div_euclid(2 * proofs)?;
    i64::try_from(mean).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(proofs: u64, charge_nano_usd: i64) -> CostSums {
        CostSums { proofs, charge_nano_usd, ..CostSums::default() }
    }

    fn report(rows: &[(&str, Option<&str>, CostSums)]) -> CostReport {
        let row = |(day, circuit, sums): &(&str, Option<&str>, CostSums)| CostRow {
            group: BTreeMap::from([
                (Dimension::Day, Some((*day).to_owned())),
                (Dimension::Circuit, circuit.map(str::to_owned)),
            ]),
            sums: *sums,
        };
        let all: Vec<_> = rows.iter().map(|(_, _, sums)| *sums).collect();
        let total = sum(&all).unwrap();
        CostReport {
            project: "acme".parse().unwrap(),
            from: "2026-11-01".parse().unwrap(),
            to: "2026-11-03".parse().unwrap(),
            group_by: vec![Dimension::Day, Dimension::Circuit],
            currency: "USD".to_owned(),
            closed_through: None,
            rows: rows.iter().map(row).collect(),
            total_nano_usd: total.charge_nano_usd,
            total,
        }
    }

    fn breakdown(report: &CostReport) -> Breakdown {
        let period = Period { from: report.from, to: report.to };
        Breakdown::new(report, period, &Dimension::Circuit).unwrap()
    }

    #[test]
    fn groups_and_columns_sum_exactly_to_the_report() {
        let report = report(&[
            ("2026-11-01", Some("a"), sums(1, 75_138)),
            ("2026-11-03", Some("a"), sums(2, 150_276)),
            ("2026-11-03", Some("b"), sums(1, 999_999_999_999)),
            ("2026-11-03", None, sums(0, 0)),
        ]);
        let breakdown = breakdown(&report);
        let groups: Vec<_> = breakdown.groups.iter().map(|group| group.sums).collect();
        assert_eq!(sum(&groups), Some(report.total));
        let columns: Vec<_> = (0..3).map(|column| breakdown.sums_at(column).unwrap()).collect();
        assert_eq!(sum(&columns), Some(report.total));
        assert_eq!(breakdown.rows()[0].name, "b", "the largest charge comes first");
        assert_eq!(breakdown.rows()[2].name, "without a circuit");
        assert_eq!(breakdown.rows_over_time().len(), 2, "an empty day is no row");
    }

    #[test]
    fn the_smallest_groups_are_one_part_of_the_chart() {
        let names: Vec<_> = (0..9).map(|index| format!("c{index}")).collect();
        let rows: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(index, name)| ("2026-11-02", Some(name.as_str()), sums(1, 100 - index as i64)))
            .collect();
        let chart = breakdown(&report(&rows)).spend_chart();
        assert_eq!(chart.series.len(), SERIES_MAX + 1);
        let rest = chart.series.last().unwrap();
        assert_eq!((rest.name.as_str(), rest.values[1]), ("3 others", 94 + 93 + 92));
        let drawn: u64 = chart.series.iter().map(|series| series.values[1]).sum();
        assert_eq!(drawn, (92..=100).sum::<u64>());
    }

    #[test]
    fn the_mean_of_a_proof_is_rounded_half_up_and_knows_no_corrections() {
        assert_eq!(per_proof(&sums(0, 0)), None);
        assert_eq!(per_proof(&sums(2, 3)), Some(2));
        assert_eq!(per_proof(&sums(3, 4)), Some(1));
        let corrected = CostSums { charge_nano_usd: -96, corrections_nano_usd: -100, ..sums(2, 0) };
        assert_eq!(per_proof(&corrected), Some(2));
    }
}
