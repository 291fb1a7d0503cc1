//! Cost reports: any grouping over any period, as a chart, as a table and as a file.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_jobs::JobFilter;
use zkpool_types::{Dimension, ProjectId};

use crate::dashboard::SignedIn;
use crate::dashboard::breakdown::{Breakdown, SumsRow, dimension_name};
use crate::dashboard::charts::WHOLE;
use crate::dashboard::page::{Drawn, Frame, Page, Section};
use crate::dashboard::period::{Period, Preset};
use crate::extract::QueryParams;
use crate::openapi::Reply;
use crate::{ApiError, ApiResult, Context, costs};

/// Jobs whose tags are offered as groupings.
const JOBS_LOOKED_AT: usize = 50;

/// Groups that the table shows. All of them are in the files.
const ROWS_MAX: usize = 200;

/// The query of the page. Fields of a form that were left empty are not given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostsQuery {
    /// The first day.
    #[serde(default)]
    from: String,
    /// The last day.
    #[serde(default)]
    to: String,
    /// The dimension.
    #[serde(default)]
    group_by: String,
}

#[derive(Template)]
#[template(path = "costs.html")]
struct CostsPage {
    frame: Frame,
    period: Period,
    presets: Vec<Preset>,
    by: Dimension,
    choices: Vec<Choice>,
    heading: String,
    spend: Drawn,
    rows: Vec<SumsRow>,
    left_out: usize,
    total: SumsRow,
    closed_through: Option<String>,
}

impl CostsPage {
    /// The address of this report as a file.
    fn file(&self, format: &str) -> String {
        let by = self.by.to_string();
        address("/dashboard/costs/download", self.period, &[("group_by", &by), ("format", format)])
    }

    /// The address of every charge as a file.
    fn file_of_charges(&self, format: &str) -> String {
        address("/dashboard/costs/download", self.period, &[("format", format)])
    }
}

/// The address of a page or file about a period.
fn address(path: &str, Period { from, to }: Period, fields: &[(&str, &str)]) -> String {
    let fields = serde_urlencoded::to_string(fields).unwrap_or_default();
    format!("{path}?from={from}&to={to}&{fields}")
}

/// A grouping that is offered.
struct Choice {
    value: String,
    name: String,
    is_here: bool,
}

pub(crate) async fn page(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    QueryParams(query): QueryParams<CostsQuery>,
) -> ApiResult<Page<impl Template>> {
    let now = context.ports().clock.now();
    let period = Period::of_query(&query.from, &query.to, now)?;
    let by = dimension(&query.group_by)?;
    let project = &signed_in.caller.project;
    let report = Breakdown::read(&context, project, period, &by).await?;
    let mut rows = report.rows();
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    Ok(Page(CostsPage {
        frame: Frame::new(Section::Costs, &signed_in),
        period,
        presets: period.presets(now, |period| {
            address("/dashboard/costs", period, &[("group_by", &by.to_string())])
        }),
        choices: choices(&context, project, &by).await?,
        heading: dimension_name(&by),
        by,
        spend: report.spend_chart().draw(WHOLE)?,
        rows,
        left_out,
        total: report.total_row(),
        closed_through: report.closed_through,
    }))
}

/// A report as a file: what the API answers, for whoever is signed in.
pub(crate) async fn download(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    query: QueryParams<costs::CostsQuery>,
) -> ApiResult<Reply<costs::Report>> {
    costs::costs(State(context), signed_in.caller, query).await
}

fn dimension(text: &str) -> ApiResult<Dimension> {
    if text.is_empty() {
        return Ok(Dimension::Circuit);
    }
    text.parse().map_err(|error| ApiError::invalid_request(format!("at group_by: {error}")))
}

/// The groupings that make sense for a project: the tags are those of its latest jobs.
async fn choices(
    context: &Context,
    project: &ProjectId,
    here: &Dimension,
) -> ApiResult<Vec<Choice>> {
    let jobs = context.jobs().list(project, &JobFilter::default(), None, JOBS_LOOKED_AT).await?;
    let mut tags: Vec<_> =
        jobs.items.into_iter().flat_map(|job| job.tags.into_keys()).map(Dimension::Tag).collect();
    let fixed = [
        Dimension::Circuit,
        Dimension::CostCenter,
        Dimension::Device,
        Dimension::Kind,
        Dimension::Day,
        Dimension::Month,
    ];
    if !fixed.contains(here) {
        tags.push(here.clone());
    }
    tags.sort_unstable();
    tags.dedup();
    let choice = |dimension: Dimension| Choice {
        value: dimension.to_string(),
        name: dimension_name(&dimension),
        is_here: dimension == *here,
    };
    Ok(fixed.into_iter().chain(tags).map(choice).collect())
}
