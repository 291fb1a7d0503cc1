//! `/v1/keys`: the keys of the caller's project.

use axum::extract::State;
use axum::{Extension, Json, Router};
use zkpool_types::api::{CreateKey, CreatedKey, Page, RevokedKey};
use zkpool_types::{KeyId, KeyRecord, Secret};

use crate::actions::Subject;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{JsonBody, PathParam, QueryParams};
use crate::guard::Caller;
use crate::openapi::Created;
use crate::paging::PageQuery;
use crate::{ApiError, ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::CreateKey, create)
        .serve(Endpoint::ListKeys, list)
        .serve(Endpoint::RevokeKey, revoke)
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    Extension(subject): Extension<Subject>,
    body: JsonBody<CreateKey>,
) -> ApiResult<Created<CreatedKey>> {
    let CreateKey { scopes } = body.value;
    let (key, record) = context.keys().create(&caller.project, &scopes).await?;
    subject.is(&record.id);
    let key = Secret::new(key.expose().to_owned());
    Ok(Created(CreatedKey { key, record }))
}

async fn list(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(page): QueryParams<PageQuery>,
) -> ApiResult<Json<Page<KeyRecord>>> {
    let (after, limit) = (page.after::<KeyId>()?, page.limit()?);
    Ok(Json(context.keys().list(&caller.project, after, limit).await?))
}

async fn revoke(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Json<RevokedKey>> {
    let id = id.parse().map_err(|_| ApiError::not_found("key"))?;
    context.keys().revoke(&caller.project, id).await?;
    Ok(Json(RevokedKey { id }))
}
