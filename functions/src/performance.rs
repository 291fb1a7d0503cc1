//! `/v1/performance`: how proofs of published circuits go, for anyone.

use axum::extract::State;
use axum::{Json, Router};
use zkpool_types::api::{PublicPerformance, PublicationView, SetPublication};

use crate::circuits::resolve;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{JsonBody, PathParam};
use crate::guard::Caller;
use crate::{ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::PublicPerformance, public)
        .serve(Endpoint::SetPublication, publish)
}

async fn public(State(context): State<Context>) -> ApiResult<Json<PublicPerformance>> {
    Ok(Json(context.performance().public().await?))
}

async fn publish(
    State(context): State<Context>,
    caller: Caller,
    PathParam(circuit): PathParam,
    body: JsonBody<SetPublication>,
) -> ApiResult<Json<PublicationView>> {
    let manifest = resolve(&context, &caller.project, &circuit).await?;
    let public = body.value.public;
    context.performance().publish(&manifest, public).await?;
    Ok(Json(PublicationView { circuit: manifest.circuit, public }))
}
