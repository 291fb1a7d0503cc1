//! `/v1/costs` and what stands behind them: receipts, chains and daily roots.

use axum::extract::State;
use axum::response::Response;
use axum::{Json, Router};
use jiff::civil::Date;
use serde::Deserialize;
use zkpool_ledger::costs::day_of;
use zkpool_types::chain::{ChainPage, DailyRoot, ReceiptView};
use zkpool_types::fleet::FleetReport;
use zkpool_types::{CostQuery, Dimension, ProjectId};

use crate::books::operator_only;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{PathParam, QueryParams};
use crate::file::Answer;
use crate::guard::Caller;
use crate::{ApiError, ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    Area::new(context)
        .serve(Endpoint::Costs, costs)
        .serve(Endpoint::FleetCosts, fleet)
        .serve(Endpoint::ShowReceipt, receipt)
        .serve(Endpoint::Chain, chain)
        .serve(Endpoint::DailyRoot, daily_root)
        .finish()
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostsQuery {
    /// The first day; without one, the first of this month.
    from: Option<String>,
    /// The last day; without one, today.
    to: Option<String>,
    /// Dimensions with commas between them.
    #[serde(default)]
    group_by: String,
    #[serde(default)]
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
) -> ApiResult<Response> {
    let query = asked.parse(day_of(context.ports().clock.now()))?;
    let answer = report(&context, &caller.project, &query, asked.format).await?;
    answer.send(&context, &caller.project).await
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
            file("csv", "text/csv; charset=utf-8", table.csv().into())
        }
        Format::Parquet => {
            let table = costs.export(project, query).await?;
            file("parquet", "application/vnd.apache.parquet", table.parquet()?)
        }
    })
}

/// The query of the fleet's costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetQuery {
    from: Option<String>,
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
#[derive(Debug, Deserialize)]
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
