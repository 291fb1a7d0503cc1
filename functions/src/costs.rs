//! `/v1/costs` and what stands behind them: receipts, chains and daily roots.

use axum::extract::State;
use axum::{Json, Router};
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use zkpool_ledger::costs::day_of;
use zkpool_types::chain::{ChainPage, DailyRoot, ReceiptView};
use zkpool_types::fleet::FleetReport;
use zkpool_types::{CostQuery, CostReport, Dimension, ErrorCode, ProjectId};

use crate::books::operator_only;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{PathParam, QueryParams};
use crate::file::Answer;
use crate::guard::Caller;
use crate::openapi::{Gives, Reply, Sketch};
use crate::{ApiError, ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::Costs, costs)
        .serve(Endpoint::FleetCosts, fleet)
        .serve(Endpoint::ShowReceipt, receipt)
        .serve(Endpoint::Chain, chain)
        .serve(Endpoint::DailyRoot, daily_root)
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Rows and totals.
    #[default]
    Json,
    /// Charges in the columns of FOCUS.
    Csv,
    /// The same as Parquet.
    Parquet,
}

/// The query of a report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostsQuery {
    /// The first day; without one, the first of this month.
    #[param(value_type = Option<Date>)]
    from: Option<String>,
    /// The last day; without one, today.
    #[param(value_type = Option<Date>)]
    to: Option<String>,
    /// Dimensions with commas between them: `project`, `circuit`, `tag:NAME`, `cost-center`,
    /// `tags`, `device`, `day`, `month`, `kind`, `proof`.
    #[serde(default)]
    group_by: String,
    /// What the report is written as: `json`, or a file in the columns of FOCUS.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

impl CostsQuery {
    fn parse(&self, today: Date) -> ApiResult<CostQuery> {
        let (from, to) = days(self.from.as_deref(), self.to.as_deref(), today)?;
        let named = self.group_by.split(',').filter(|name| !name.is_empty());
        let group_by = named.map(dimension).collect::<ApiResult<_>>()?;
        Ok(CostQuery { from, to, group_by })
    }
}

/// The days of a query: without a first one from the first of the month, without a last one to
/// today.
fn days(from: Option<&str>, to: Option<&str>, today: Date) -> ApiResult<(Date, Date)> {
    let to = to.map_or(Ok(today), |text| day("to", text))?;
    let from = from.map_or(Ok(to.first_of_month()), |text| day("from", text))?;
    Ok((from, to))
}

pub(crate) fn day(name: &str, text: &str) -> ApiResult<Date> {
    let refused = |error| {
        ApiError::invalid_request(format!("at {name}: expected a day such as 2026-11-25: {error}"))
    };
    text.parse().map_err(refused)
}

fn dimension(text: &str) -> ApiResult<Dimension> {
    text.parse().map_err(|error| ApiError::invalid_request(format!("at group_by: {error}")))
}

pub(crate) async fn costs(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(asked): QueryParams<CostsQuery>,
) -> ApiResult<Reply<Report>> {
    let query = asked.parse(day_of(context.ports().clock.now()))?;
    let answer = report(&context, &caller.project, &query, asked.format).await?;
    Ok(answer.send(&context, &caller.project).await?.into())
}

const CSV: &str = "text/csv; charset=utf-8";
const PARQUET: &str = "application/vnd.apache.parquet";

/// A report as the document has it.
pub(crate) struct Report;

impl Gives for Report {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<CostReport>(200, "The report in the format that was asked for.");
        sketch.answers_text(200, "", CSV);
        sketch.answers_bytes(200, "", PARQUET);
        sketch.answers_header(200, "content-disposition", "A file's name.");
        sketch.answers_empty(307, "The report is too large for an answer, and lies elsewhere.");
        sketch.answers_header(307, "location", "Where it is for a few minutes.");
        sketch.refuses(&[ErrorCode::ReportTooLarge]);
    }
}

async fn report(
    context: &Context,
    project: &ProjectId,
    query: &CostQuery,
    format: Format,
) -> ApiResult<Answer> {
    let CostQuery { from, to, group_by: _ } = query;
    let name = |end| format!("zkpool-costs-{project}-{from}-{to}.{end}");
    let file = |end, kind, body: Vec<u8>| Answer {
        name: name(end),
        kind,
        attached: format != Format::Json,
        body: body.into(),
    };
    let costs = context.costs();
    Ok(match format {
        Format::Json => {
            let report = costs.report(project, query).await?;
            let json = serde_json::to_vec(&report).map_err(|error| ApiError::internal(&error))?;
            file("json", "application/json", json)
        }
        Format::Csv => {
            let table = costs.export(project, query).await?;
            file("csv", CSV, table.csv().into())
        }
        Format::Parquet => {
            let table = costs.export(project, query).await?;
            file("parquet", PARQUET, table.parquet()?)
        }
    })
}

/// The query of the fleet's costs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct FleetQuery {
    /// The first day; without one, the first of this month.
    #[param(value_type = Option<Date>)]
    from: Option<String>,
    /// The last day; without one, today.
    #[param(value_type = Option<Date>)]
    to: Option<String>,
}

async fn fleet(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(asked): QueryParams<FleetQuery>,
) -> ApiResult<Json<FleetReport>> {
    operator_only(&caller)?;
    let today = day_of(context.ports().clock.now());
    let (from, to) = days(asked.from.as_deref(), asked.to.as_deref(), today)?;
    Ok(Json(context.costs().fleet(context.jobs().price_book(), from, to).await?))
}

async fn receipt(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Json<ReceiptView>> {
    let job = id.parse().map_err(|_| ApiError::not_found("receipt"))?;
    Ok(Json(context.costs().receipt(&caller.project, job).await?))
}

/// The query of a page of a chain.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ChainQuery {
    /// The number of the last link of the page before.
    #[serde(default)]
    after: u64,
}

async fn chain(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(ChainQuery { after }): QueryParams<ChainQuery>,
) -> ApiResult<Json<ChainPage>> {
    Ok(Json(context.costs().chain(&caller.project, after).await?))
}

async fn daily_root(
    State(context): State<Context>,
    PathParam(date): PathParam,
) -> ApiResult<Json<DailyRoot>> {
    let unknown = || ApiError::not_found("root");
    let date = date.parse().map_err(|_| unknown())?;
    Ok(Json(context.costs().daily_root(date).await?.ok_or_else(unknown)?))
}
