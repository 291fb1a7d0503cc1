//! Costs as finance tools read them: the columns of the FinOps FOCUS specification.
//!
//! Names are those of FOCUS 1.4, with the two older ones of 1.2 beside them (`ProviderName`,
//! `PublisherName`), and columns of our own begin with `x_`. Rows sum exactly to receipts: amounts
//! are decimals with nine places, and nothing is rounded.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use zkpool_ledger::costs::month_of;
use zkpool_types::{CostKind, CostQuery, CostReport, CostRow, CostSums, Dimension, ProjectId};

use crate::table::{Cells, Column, write_csv, write_parquet};
use crate::{BillingError, Costs};

/// Who sells, runs and bills, and what.
const PROVIDER: &str = "ZKPool";
const SERVICE: &str = "Zero-knowledge proofs";

/// Nano-units of one.
const ONE: i64 = 1_000_000_000;

/// A table of charges in the columns of FOCUS.
#[derive(Clone, Debug)]
pub struct FocusTable(Vec<Column>);

impl FocusTable {
    /// The table as CSV with a header.
    #[must_use]
    pub fn csv(&self) -> String {
        write_csv(&self.0)
    }

    /// The table as a Parquet file, in which amounts are `DECIMAL(18, 9)`.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn parquet(&self) -> Result<Vec<u8>, BillingError> {
        Ok(write_parquet(&self.0)?)
    }
}

impl Costs {
    /// The costs of a project as charges. Where the query names no grouping there is a row for each
    /// day, circuit, device and set of tags; where it does, one for each group and month.
    ///
    /// # Errors
    /// As [`Costs::report`].
    pub async fn export(
        &self,
        project: &ProjectId,
        query: &CostQuery,
    ) -> Result<FocusTable, BillingError> {
        let report = self.grouped(project, query, &dimensions(&query.group_by)).await?;
        Ok(FocusTable(columns(&report)))
    }
}

/// What makes a row: a charge is of one kind and within one billing period, which is a month.
fn dimensions(asked: &[Dimension]) -> Vec<Dimension> {
    if asked.is_empty() {
        return vec![
            Dimension::Day,
            Dimension::Circuit,
            Dimension::Device,
            Dimension::Tags,
            Dimension::Kind,
        ];
    }
    let mut all = asked.to_vec();
    let implied = [Dimension::Month, Dimension::Kind];
    all.extend(implied.into_iter().filter(|dimension| !asked.contains(dimension)));
    all
}

/// One charge with what several columns need of it.
struct Charge<'a> {
    row: &'a CostRow,
    kind: CostKind,
    /// First day and the day after the last one.
    period: (Date, Date),
    month: Date,
}

impl<'a> Charge<'a> {
    fn new(report: &CostReport, row: &'a CostRow) -> Self {
        let day = value(row, &Dimension::Day).and_then(|day| day.parse().ok());
        let month =
            value(row, &Dimension::Month).and_then(|month| format!("{month}-01").parse().ok());
        let first = day.or(month).unwrap_or(report.from);
        let month = first.first_of_month();
        let period = match day {
            Some(day) => (day, after(day)),
            None => (month.max(report.from), after(month.last_of_month().min(report.to))),
        };
        let kind = value(row, &Dimension::Kind);
        let kind = CostKind::ALL.into_iter().find(|known| kind == Some(known.name()));
        Self { row, kind: kind.unwrap_or(CostKind::Proof), period, month }
    }

    fn value(&self, dimension: &Dimension) -> Option<String> {
        value(self.row, dimension).map(str::to_owned)
    }

    /// What corrections have in a column, or what all other charges have.
    fn either(&self, correction: &str, usage: Option<&str>) -> Option<String> {
        let text = if self.kind == CostKind::Correction { Some(correction) } else { usage };
        text.map(str::to_owned)
    }

    /// What was made, and where nothing was, what was tried.
    fn quantity(&self) -> i64 {
        let CostSums { proofs, failures, wasted_attempts, .. } = self.row.sums;
        let made = proofs.saturating_add(failures).saturating_add(wasted_attempts);
        i64::try_from(made).unwrap_or(i64::MAX).saturating_mul(ONE)
    }

    fn description(&self) -> String {
        match self.kind {
            CostKind::Proof => "Proofs",
            CostKind::Failed => "Jobs that ended without a proof, not charged",
            CostKind::Retry => "Attempts that were repeated, not charged",
            CostKind::Duplicate => "Attempts that were overtaken, not charged",
            CostKind::Correction => "Correction of an earlier charge",
        }
        .to_owned()
    }

    /// All tags where they were not grouped away, else those that were asked for.
    fn tags(&self) -> String {
        if let Some(all) = self.value(&Dimension::Tags) {
            return all;
        }
        let asked = self.row.group.iter().filter_map(|(dimension, value)| {
            let name = match dimension {
                Dimension::Tag(name) => name.clone(),
                Dimension::CostCenter => dimension.to_string(),
                _ => return None,
            };
            Some((name, value.clone()?.into()))
        });
        serde_json::Value::Object(asked.collect()).to_string()
    }
}

/// Null for a correction, which has no quantity of its own.
fn unit(charge: &Charge<'_>) -> Option<String> {
    let unit = match charge.kind {
        CostKind::Proof => "Proofs",
        CostKind::Failed => "Failed proofs",
        CostKind::Retry | CostKind::Duplicate => "Attempts",
        CostKind::Correction => return None,
    };
    Some(unit.to_owned())
}

fn value<'a>(row: &'a CostRow, dimension: &Dimension) -> Option<&'a str> {
    row.group.get(dimension)?.as_deref()
}

fn after(day: Date) -> Date {
    day.checked_add(1.day()).unwrap_or(day)
}

fn columns(report: &CostReport) -> Vec<Column> {
    let charges: Vec<_> = report.rows.iter().map(|row| Charge::new(report, row)).collect();
    let mut columns = account(report, &charges);
    columns.extend(periods(&charges));
    columns.extend(costs(&charges));
    columns.extend(what(&charges));
    columns.extend(quantities(&charges));
    columns.extend(ours(&charges));
    columns
}

fn text(name: &str, charges: &[Charge<'_>], get: impl Fn(&Charge<'_>) -> Option<String>) -> Column {
    Column::text(name, charges.iter().map(get))
}

fn constant(name: &str, charges: &[Charge<'_>], value: &str) -> Column {
    text(name, charges, |_| Some(value.to_owned()))
}

fn decimal(name: &str, charges: &[Charge<'_>], get: impl Fn(&Charge<'_>) -> i64) -> Column {
    Column::new(name, Cells::Decimal(charges.iter().map(get).collect()))
}

fn account(report: &CostReport, charges: &[Charge<'_>]) -> Vec<Column> {
    let project = report.project.to_string();
    vec![
        constant("BillingAccountId", charges, &project),
        constant("BillingAccountName", charges, &project),
        constant("BillingAccountType", charges, "Project"),
        constant("BillingCurrency", charges, &report.currency),
        // One invoice for each project and month, provisional until the month is closed.
        text("InvoiceId", charges, |charge| Some(format!("{project}-{}", month_of(charge.month)))),
        constant("InvoiceIssuerName", charges, PROVIDER),
        constant("HostProviderName", charges, PROVIDER),
        constant("ServiceProviderName", charges, PROVIDER),
        constant("ProviderName", charges, PROVIDER),
        constant("PublisherName", charges, PROVIDER),
        constant("ServiceCategory", charges, "Compute"),
        constant("ServiceSubcategory", charges, "Other (Compute)"),
        constant("ServiceName", charges, SERVICE),
    ]
}

fn periods(charges: &[Charge<'_>]) -> [Column; 4] {
    let time = |name: &str, day: fn(&Charge<'_>) -> Date| {
        let midnights = charges.iter().map(|charge| midnight_us(day(charge)));
        Column::new(name, Cells::Time(midnights.collect()))
    };
    [
        time("BillingPeriodStart", |charge| charge.month),
        time("BillingPeriodEnd", |charge| after(charge.month.last_of_month())),
        time("ChargePeriodStart", |charge| charge.period.0),
        time("ChargePeriodEnd", |charge| charge.period.1),
    ]
}

fn midnight_us(day: Date) -> i64 {
    let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    midnight.map_or(0, jiff::Timestamp::as_microsecond)
}

/// There are no discounts and no commitments: every cost is the charge.
fn costs(charges: &[Charge<'_>]) -> [Column; 4] {
    ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"]
        .map(|name| decimal(name, charges, |charge| charge.row.sums.charge_nano_usd))
}

fn what(charges: &[Charge<'_>]) -> Vec<Column> {
    vec![
        text("ChargeCategory", charges, |charge| charge.either("Adjustment", Some("Usage"))),
        text("ChargeClass", charges, |charge| charge.either("Correction", None)),
        text("ChargeDescription", charges, |charge| Some(charge.description())),
        text("ChargeFrequency", charges, |charge| charge.either("One-Time", Some("Usage-Based"))),
        text("ResourceId", charges, |charge| charge.value(&Dimension::Circuit)),
        text("ResourceName", charges, |charge| {
            let circuit = charge.value(&Dimension::Circuit)?;
            circuit.split_once('@').map(|(name, _)| name.to_owned())
        }),
        text("ResourceType", charges, |charge| {
            charge.value(&Dimension::Circuit).map(|_| "Circuit".to_owned())
        }),
        text("Tags", charges, |charge| Some(charge.tags())),
    ]
}

fn quantities(charges: &[Charge<'_>]) -> Vec<Column> {
    vec![
        Column::new("ConsumedQuantity", nullable(charges)),
        text("ConsumedUnit", charges, unit),
        text("PricingCategory", charges, |charge| unit(charge).map(|_| "Standard".to_owned())),
        Column::new("PricingQuantity", nullable(charges)),
        text("PricingUnit", charges, unit),
    ]
}

fn nullable(charges: &[Charge<'_>]) -> Cells {
    let quantity = |charge: &Charge<'_>| unit(charge).map(|_| charge.quantity());
    Cells::OptionalDecimal(charges.iter().map(quantity).collect())
}

type Sum = fn(&CostSums) -> u64;

/// What is metered beside the charge, named as in reports.
const METERED: &[(&str, Sum)] = &[
    ("x_Proofs", |sums| sums.proofs),
    ("x_Failures", |sums| sums.failures),
    ("x_WastedAttempts", |sums| sums.wasted_attempts),
    ("x_QueueMicroseconds", |sums| sums.usage.queue_us),
    ("x_FetchMicroseconds", |sums| sums.usage.fetch_us),
    ("x_WitnessMicroseconds", |sums| sums.usage.witness_us),
    ("x_TransformMicroseconds", |sums| sums.usage.ntt_us),
    ("x_MultiplicationMicroseconds", |sums| sums.usage.msm_us),
    ("x_VerifyMicroseconds", |sums| sums.usage.verify_us),
    ("x_DeviceMicroseconds", |sums| sums.usage.device_us),
    ("x_FallbackMicroseconds", |sums| sums.usage.fallback_us),
    ("x_WitnessBytes", |sums| sums.usage.witness_bytes),
    ("x_ProofBytes", |sums| sums.usage.proof_bytes),
    ("x_RequestUnits", |sums| sums.usage.requests),
    ("x_Attempts", |sums| sums.usage.attempts),
];

fn ours(charges: &[Charge<'_>]) -> Vec<Column> {
    let mut columns = vec![
        text("x_Kind", charges, |charge| Some(charge.kind.name().to_owned())),
        text("x_DeviceClass", charges, |charge| charge.value(&Dimension::Device)),
        text("x_Job", charges, |charge| charge.value(&Dimension::Proof)),
        decimal("x_WasteCost", charges, |charge| charge.row.sums.waste_nano_usd),
    ];
    columns.extend(METERED.iter().map(|(name, sum)| {
        let values = charges.iter().map(|charge| sum(&charge.row.sums));
        let whole = values.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        Column::new(*name, Cells::Whole(whole.collect()))
    }));
    columns
}
