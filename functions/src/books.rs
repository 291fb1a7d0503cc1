//! `/v1/costs/closings` and `/v1/costs/corrections`: the books of every project, for whoever runs
//! the service.
//!
//! What is done here stays: with the key that did it, in the record that it makes.

use axum::extract::State;
use axum::{Extension, Json, Router};
use zkpool_types::cost::OPERATOR_PROJECT;
use zkpool_types::{CloseMonth, ClosedMonths, Correction, MakeCorrection, Scope};

use crate::actions::Subject;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{IdempotencyKey, JsonBody};
use crate::guard::Caller;
use crate::openapi::Created;
use crate::{ApiError, ApiResult, Context};

/// Length of a month such as `2026-10`.
const MONTH_CHARS: usize = 7;

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default().serve(Endpoint::CloseMonth, close).serve(Endpoint::CorrectCharge, correct)
}

/// Lets keys of the project of whoever runs the service through: such a key is made in storage
/// alone.
pub(crate) fn operator_only(caller: &Caller) -> ApiResult<()> {
    if caller.project.as_str() == OPERATOR_PROJECT {
        return Ok(());
    }
    Err(ApiError::scope_missing(Scope::Operator))
}

async fn close(
    State(context): State<Context>,
    caller: Caller,
    Extension(subject): Extension<Subject>,
    body: JsonBody<CloseMonth>,
) -> ApiResult<Json<ClosedMonths>> {
    operator_only(&caller)?;
    let CloseMonth { project, month } = body.value;
    let named: String = month.chars().take(MONTH_CHARS).collect();
    subject.is(&format!("{project} {named}"));
    let closed_through = context.costs().close(&project, &month, Some(caller.key)).await?;
    Ok(Json(ClosedMonths { project, closed_through }))
}

async fn correct(
    State(context): State<Context>,
    caller: Caller,
    Extension(subject): Extension<Subject>,
    IdempotencyKey(key): IdempotencyKey,
    body: JsonBody<MakeCorrection>,
) -> ApiResult<Created<Correction>> {
    operator_only(&caller)?;
    subject.is(&body.value.job);
    let correction = context.costs().correct_once(&body.value, caller.key, &key).await?;
    Ok(Created(correction))
}
