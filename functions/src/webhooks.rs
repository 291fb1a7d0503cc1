//! `/v1/webhooks`: the addresses at which the caller's project is told what happens, and the log of
//! what was sent there.

use axum::extract::State;
use axum::{Extension, Json, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_types::api::{
    CreateWebhook, DeliveryView, Page, RemovedWebhook, WebhookSecretView, WebhookView,
};
use zkpool_types::webhook::{DeliveryId, DeliveryState};
use zkpool_types::{EventId, Timestamp, WebhookId};
use zkpool_webhooks::DeliveryFilter;

use crate::actions::Subject;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{JsonBody, PathParam, QueryParams};
use crate::guard::Caller;
use crate::openapi::{Accepted, Created};
use crate::paging::{cursor, rows};
use crate::{ApiError, ApiResult, Context};

/// How far back the log begins when the request does not say.
const SINCE_DEFAULT: SignedDuration = SignedDuration::from_hours(24);

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::CreateWebhook, create)
        .serve(Endpoint::ListWebhooks, list)
        .serve(Endpoint::RemoveWebhook, remove)
        .serve(Endpoint::RotateWebhookSecret, rotate)
        .serve(Endpoint::TestWebhook, test)
        .serve(Endpoint::ListDeliveries, deliveries)
        .serve(Endpoint::ShowDelivery, delivery)
        .serve(Endpoint::ReplayDelivery, replay)
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    Extension(subject): Extension<Subject>,
    body: JsonBody<CreateWebhook>,
) -> ApiResult<Created<WebhookSecretView>> {
    let created = context.webhooks().create(&caller.project, body.value).await?;
    subject.is(&created.webhook.id);
    Ok(Created(created))
}

/// There are so few that they are on one page.
async fn list(
    State(context): State<Context>,
    caller: Caller,
) -> ApiResult<Json<Page<WebhookView>>> {
    let items = context.webhooks().list(&caller.project).await?;
    Ok(Json(Page { items, next: None }))
}

async fn remove(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Json<RemovedWebhook>> {
    let id = webhook(&id)?;
    context.webhooks().remove(&caller.project, id).await?;
    Ok(Json(RemovedWebhook { id }))
}

async fn rotate(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Json<WebhookSecretView>> {
    Ok(Json(context.webhooks().rotate(&caller.project, webhook(&id)?).await?))
}

async fn test(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Accepted<DeliveryView>> {
    let id = context.webhooks().test(&caller.project, webhook(&id)?).await?;
    let view = context.webhooks().delivery(&caller.project, id).await?;
    Ok(Accepted(view))
}

/// Which deliveries are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct DeliveriesQuery {
    /// Only to this webhook.
    webhook: Option<WebhookId>,
    /// Only in this state.
    #[param(inline)]
    state: Option<DeliveryState>,
    /// Only of events since then; of the last day when not given.
    since: Option<Timestamp>,
    /// Only after the last page, whose `next` this is.
    after: Option<String>,
    /// Rows of this page, 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

async fn deliveries(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(query): QueryParams<DeliveriesQuery>,
) -> ApiResult<Json<Page<DeliveryView>>> {
    let DeliveriesQuery { webhook, state, since, after, limit } = query;
    let filter = DeliveryFilter { webhook, state };
    let now = context.ports().clock.now();
    let since = since.or_else(|| now.checked_sub(SINCE_DEFAULT).ok()).unwrap_or(now);
    let after = cursor::<EventId>(after.as_deref())?.unwrap_or_else(|| EventId::first_at(since));
    let page = context.webhooks().deliveries(&caller.project, filter, after, rows(limit)?).await?;
    Ok(Json(page))
}

async fn delivery(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Json<DeliveryView>> {
    Ok(Json(context.webhooks().delivery(&caller.project, delivery_id(&id)?).await?))
}

async fn replay(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Accepted<DeliveryView>> {
    let view = context.webhooks().replay(&caller.project, delivery_id(&id)?).await?;
    Ok(Accepted(view))
}

fn webhook(id: &str) -> ApiResult<WebhookId> {
    id.parse().map_err(|_| ApiError::not_found("webhook"))
}

fn delivery_id(id: &str) -> ApiResult<DeliveryId> {
    id.parse().map_err(|_| ApiError::not_found("delivery"))
}
