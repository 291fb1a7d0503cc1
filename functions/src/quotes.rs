//! `/v1/quotes`: what proofs will cost.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use zkpool_types::api::{CreateQuote, QuoteView};

use crate::circuits::resolve;
use crate::endpoints::{Area, Endpoint};
use crate::extract::JsonBody;
use crate::guard::Caller;
use crate::{ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    Area::new(context).serve(Endpoint::CreateQuote, create).finish()
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    body: JsonBody<CreateQuote>,
) -> ApiResult<(StatusCode, Json<QuoteView>)> {
    let circuit = resolve(&context, &caller.project, &body.value.circuit).await?;
    let quote = context.quotes().create(&circuit, &body.value).await?;
    Ok((StatusCode::CREATED, Json(quote)))
}
