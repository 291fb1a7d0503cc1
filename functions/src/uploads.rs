//! `/v1/uploads`: bytes that are too large for a JSON body.
//!
//! The bytes are announced with a key, and then sent to a signed address without one. Their size
//! and digest are checked before anything becomes visible.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;
use zkpool_ports::{ByteStream, SignedRequest};
use zkpool_types::api::{CreateUpload, UploadView};
use zkpool_types::{Secret, Upload, UploadId};

use crate::endpoints::{Area, Endpoint};
use crate::extract::{JsonBody, PathParam, QueryParams};
use crate::guard::Caller;
use crate::limits::UPLOAD_IDLE_TIMEOUT;
use crate::openapi::{Created, NoContent};
use crate::{ApiError, ApiResult, Context};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default().serve(Endpoint::CreateUpload, create).serve(Endpoint::ReceiveUpload, receive)
}

async fn create(
    State(context): State<Context>,
    caller: Caller,
    body: JsonBody<CreateUpload>,
) -> ApiResult<Created<UploadView>> {
    let upload = context.uploads().create(&caller.project, &body.value).await?;
    let (url, headers) = match context.uploads().direct_request(&upload).await? {
        Some(SignedRequest { url, headers }) => (url, headers.into_iter().collect()),
        None => (address(&context, &upload).await?, BTreeMap::new()),
    };
    let view = UploadView { id: upload.id, url, headers, expires_at: upload.expires_at };
    Ok(Created(view))
}

async fn address(context: &Context, upload: &Upload) -> ApiResult<Secret<String>> {
    let (project, id) = (&upload.project, upload.id);
    let token = context.upload_addresses().sign(project, id, upload.expires_at).await?;
    let path = format!("/v1/uploads/{id}?token={}", token.expose());
    Ok(Secret::new(context.url(&path)))
}

/// The query of a signed address.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Token {
    /// What the address was signed with.
    #[param(value_type = String)]
    token: Secret<String>,
}

async fn receive(
    State(context): State<Context>,
    PathParam(id): PathParam,
    QueryParams(Token { token }): QueryParams<Token>,
    body: Body,
) -> ApiResult<NoContent> {
    let id: UploadId = id.parse().map_err(|_| ApiError::not_found("upload"))?;
    let project = context.upload_addresses().verify(id, token.expose()).await?;
    context.uploads().receive(&project, id, patient(body)).await?;
    Ok(NoContent)
}

/// The bytes as they come, until none has come for too long.
fn patient(body: Body) -> ByteStream {
    stream::unfold(Some(body.into_data_stream()), |body| async {
        let mut body = body?;
        match timeout(UPLOAD_IDLE_TIMEOUT, body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(body))),
            Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
            Err(idle) => Some((Err::<Bytes, _>(idle.into()), None)),
        }
    })
    .boxed()
}
