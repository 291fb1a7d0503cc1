//! `/`, `/healthz` and `/readyz`: what runs here and whether it can work.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::{Json, Router};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::dashboard;
use crate::endpoints::{Area, Endpoint};
use crate::limits::READINESS_TIMEOUT;
use crate::openapi::{Gives, Reply, Sketch};
use crate::{ApiError, ApiResult, Context};

/// The answer of `/`.
#[derive(Debug, Serialize, ToSchema)]
struct Index {
    service: &'static str,
    version: &'static str,
    api: &'static str,
}

/// The answer of `/healthz` and `/readyz`.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    status: &'static str,
}

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::Index, index)
        .serve(Endpoint::Health, health)
        .serve(Endpoint::Readiness, readiness)
}

/// People with a browser go on to the dashboard.
async fn index(headers: HeaderMap) -> Reply<Front> {
    let vary = [dashboard::VARY_BY_ACCEPT];
    if dashboard::wants_page(&headers) {
        return (vary, dashboard::front_page()).into_response().into();
    }
    let index = Index { service: "zkpool", version: env!("CARGO_PKG_VERSION"), api: "/v1" };
    (vary, Json(index)).into_response().into()
}

/// The answer of `/` as the document has it.
struct Front;

impl Gives for Front {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<Index>(200, "What runs here.");
        sketch.answers_empty(303, "Browsers go on to the dashboard.");
        sketch.answers_header(303, "location", "The dashboard.");
    }
}

async fn health() -> Json<Status> {
    Json(Status { status: "alive" })
}

/// Asks storage whether it takes writes, and the queue one cheap question.
async fn readiness(State(context): State<Context>) -> ApiResult<Json<Status>> {
    let ports = context.ports();
    timeout(READINESS_TIMEOUT, ports.blobs.probe())
        .await
        .map_err(|error| ApiError::unavailable(&error))??;
    timeout(READINESS_TIMEOUT, ports.queue.depth())
        .await
        .map_err(|error| ApiError::unavailable(&error))?
        .map_err(|error| ApiError::unavailable(&error))?;
    Ok(Json(Status { status: "ready" }))
}
