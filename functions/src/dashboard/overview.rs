//! The first page: what the project spent in a period, what a proof costs and how long it takes.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_types::{CostQuery, Dimension, ProjectId};

use crate::dashboard::SignedIn;
use crate::dashboard::breakdown::{Breakdown, SumsRow, per_proof};
use crate::dashboard::charts::{self, Line, Lines, Unit};
use crate::dashboard::format::{self, Amount};
use crate::dashboard::page::{Drawn, Frame, Page, Section};
use crate::dashboard::period::{Period, Preset};
use crate::extract::QueryParams;
use crate::{ApiError, ApiResult, Context};

/// Proofs whose times are drawn, at most: each of them is a row that is read.
const PROOFS_DRAWN_MAX: u64 = 20_000;

/// The query of the page. Fields of a form that were left empty are not given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeriodQuery {
    /// The first day.
    #[serde(default)]
    from: String,
    /// The last day.
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    period: Period,
    presets: Vec<Preset>,
    total: SumsRow,
    median: String,
    waiting: String,
    spend: Drawn,
    circuits: Vec<SumsRow>,
    over_time: Vec<SumsRow>,
    cost_per_proof: Drawn,
    times: Option<Times>,
    closed_through: Option<String>,
}

/// How long proofs took.
struct Times {
    chart: Drawn,
    proofs: String,
    period: Period,
    percentiles: Vec<(&'static str, String)>,
    bins: Vec<(String, String)>,
}

pub(crate) async fn page(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    QueryParams(query): QueryParams<PeriodQuery>,
) -> ApiResult<Page<impl Template>> {
    let now = context.ports().clock.now();
    let period = Period::of_query(&query.from, &query.to, now)?;
    let project = &signed_in.caller.project;
    let costs = Breakdown::read(&context, project, period, &Dimension::Circuit).await?;
    let times = times(&context, project, period, &costs).await?;
    let depth = context.ports().queue.depth().await;
    let depth = depth.map_err(|error| ApiError::unavailable(&error))?;
    Ok(Page(OverviewPage {
        frame: Frame::new(Section::Overview, &signed_in),
        period,
        presets: period
            .presets(now, |Period { from, to }| format!("/dashboard?from={from}&to={to}")),
        total: costs.total_row(),
        median: times.as_ref().map_or("–".to_owned(), |times| times.percentiles[0].1.clone()),
        waiting: format::grouped(depth.visible),
        spend: costs.spend_chart().draw(charts::WHOLE)?,
        circuits: costs.rows(),
        over_time: costs.rows_over_time(),
        cost_per_proof: cost_per_proof(&costs).draw(charts::HALF)?,
        times,
        closed_through: costs.closed_through,
    }))
}

/// What a proof cost in the mean, over time.
fn cost_per_proof(costs: &Breakdown) -> Lines {
    let values = (0..costs.columns.len()).map(|column| {
        let mean = costs.sums_at(column).and_then(|sums| per_proof(&sums))?;
        u64::try_from(mean).ok()
    });
    let line = Line {
        name: "Mean charge of a proof".to_owned(),
        colour: 0,
        dashed: false,
        values: values.collect(),
    };
    let mean = per_proof(&costs.total).map(Amount::signed);
    let mean = mean.map_or("no proofs".to_owned(), |mean| format!("{mean} over all"));
    Lines {
        description: format!(
            "Mean charge of a proof over time, {mean}; the figures are in the table"
        ),
        unit: Unit::NanoUsd,
        names: costs.columns.iter().map(|column| column.name.clone()).collect(),
        lines: vec![line],
    }
}

/// How long the latest proofs of the period took; `None` where there are none, or too many to be
/// read one by one.
async fn times(
    context: &Context,
    project: &ProjectId,
    period: Period,
    costs: &Breakdown,
) -> ApiResult<Option<Times>> {
    let Some(period) = latest(costs, period) else { return Ok(None) };
    let group_by = vec![Dimension::Proof, Dimension::Kind];
    let query = CostQuery { from: period.from, to: period.to, group_by };
    let report = context.costs().report(project, &query).await?;
    // Attempts that ended nothing are rows of their own.
    let proofs = report.rows.iter().filter(|row| row.sums.proofs == 1);
    let mut us: Vec<u64> = proofs.map(|row| row.sums.usage.device_us).collect();
    us.sort_unstable();
    if us.is_empty() {
        return Ok(None);
    }
    let at = |percent: usize| us[(us.len() * percent).div_ceil(100).saturating_sub(1)];
    let text = |percent| format::duration(at(percent));
    let description = format!(
        "Distribution of device time, median {}, 95th percentile {}; the figures are in the table",
        text(50),
        text(95)
    );
    let chart = charts::histogram(description, Unit::Us, &us);
    let counts = chart.series.iter().flat_map(|series| &series.values);
    Ok(Some(Times {
        proofs: format::grouped(us.len() as u64),
        period,
        percentiles: vec![
            ("Median", text(50)),
            ("95th percentile", text(95)),
            ("Fastest", text(0)),
            ("Slowest", text(100)),
        ],
        bins: chart
            .names
            .iter()
            .cloned()
            .zip(counts.map(|count| format::grouped(*count)))
            .collect(),
        chart: chart.draw(charts::HALF)?,
    }))
}

/// The latest columns whose proofs together are few enough to be read one by one.
fn latest(costs: &Breakdown, period: Period) -> Option<Period> {
    let mut proofs = 0_u64;
    let mut from = None;
    for index in (0..costs.columns.len()).rev() {
        proofs = proofs.saturating_add(costs.sums_at(index)?.proofs);
        if proofs > PROOFS_DRAWN_MAX {
            break;
        }
        from = Some(first_day(&costs.columns[index].key)?.max(period.from));
    }
    let from = from.filter(|_| costs.total.proofs > 0)?;
    Some(Period { from, to: period.to })
}

/// The first day of a column.
fn first_day(key: &str) -> Option<Date> {
    key.parse().or_else(|_| format!("{key}-01").parse()).ok()
}
