//! `/v1/quotes`: what proofs will cost.

use axum::Router;
use axum::extract::State;
use zkpool_types::api::{CreateQuote, QuoteView};

use crate::circuits::resolve;
use crate::endpoints::{Area, Endpoint};
use crate::extract::JsonBody;
use crate::guard::Caller;
use crate::openapi::Created;
use crate::{ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default().serve(Endpoint::CreateQuote, create)
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    body: JsonBody<CreateQuote>,
) -> ApiResult<Created<QuoteView>> {
    let circuit = resolve(&context, &caller.project, &body.value.circuit).await?;
    let quote = context.quotes().create(&circuit, &body.value).await?;
    Ok(Created(quote))
}
