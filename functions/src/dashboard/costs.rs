//! Cost reports: any grouping over any period, as a chart, as a table and as a file.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use serde::Deserialize;
use zkpool_jobs::JobFilter;
use zkpool_types::{Dimension, ProjectId};

use crate::dashboard::SignedIn;
use crate::dashboard::breakdown::{Breakdown, SumsRow, dimension_name};
use crate::dashboard::page::{Drawn, Frame, Page, Section};
use crate::dashboard::period::{Period, Preset};
use crate::extract::QueryParams;
use crate::{ApiError, ApiResult, Context};

/// Jobs whose tags are offered as groupings.
const JOBS_LOOKED_AT: usize = 50;

/// Groups that the table shows. All of them are in the files.
const ROWS_MAX: usize = 200;

/// The query of the page. Fields of a form that were left empty are not given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostsQuery {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
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
    let costs = Breakdown::read(&context, project, period, &by).await?;
    let mut rows = costs.rows();
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    Ok(Page(CostsPage {
        frame: Frame::new(Section::Costs, &signed_in),
        period,
        presets: period.presets(now),
        choices: choices(&context, project, &by).await?,
        heading: dimension_name(&by),
        by,
        spend: costs.spend_chart().draw()?,
        rows,
        left_out,
        total: costs.total_row(),
        closed_through: costs.closed_through,
    }))
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
