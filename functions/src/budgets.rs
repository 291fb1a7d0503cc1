//! `/v1/budgets`: what the caller's project may spend in a month.

use axum::extract::State;
use axum::{Json, Router};
use zkpool_types::api::{BudgetsView, PutBudgets};

use crate::endpoints::{Area, Endpoint};
use crate::extract::JsonBody;
use crate::guard::Caller;
use crate::{ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default().serve(Endpoint::ShowBudgets, show).serve(Endpoint::PutBudgets, put)
}

async fn show(State(context): State<Context>, caller: Caller) -> ApiResult<Json<BudgetsView>> {
    Ok(Json(context.budgets().view(&caller.project).await?))
}

/// Every budget at once: those that are left out are removed.
async fn put(
    State(context): State<Context>,
    caller: Caller,
    body: JsonBody<PutBudgets>,
) -> ApiResult<Json<BudgetsView>> {
    Ok(Json(context.budgets().put(&caller.project, caller.key, body.value).await?))
}
