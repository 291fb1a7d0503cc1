//! Answers that are files, and what becomes of those that are too large to be sent.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use zkpool_jobs::keys;
use zkpool_ports::Durability;
use zkpool_types::{ErrorCode, ProjectId, Sha256Digest};

use crate::{ApiError, ApiResult, Context};

/// How long the address of an answer that lies elsewhere is good for.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(300);

/// A file that is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Whether a browser is to store it under its name and not to show it.
    pub(crate) attached: bool,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The file itself. Where it is larger than an answer may be it is stored, and the answer leads
    /// to it.
    pub(crate) async fn send(self, context: &Context, project: &ProjectId) -> ApiResult<Response> {
        match context.answer_bytes_max() {
            Some(max) if self.body.len() > max => self.elsewhere(context, project, max).await,
            _ => Ok(self.into_response()),
        }
    }

    async fn elsewhere(
        self,
        context: &Context,
        project: &ProjectId,
        max: usize,
    ) -> ApiResult<Response> {
        let (blobs, found) = (&context.ports().blobs, self.body.len());
        let key = keys::report(project, &Sha256Digest::of(&self.body), &self.name);
        let Some(request) = blobs.download_request(&key, ADDRESS_LIFETIME).await? else {
            let detail = format!(
                "expected a report of at most {max} bytes, found {found}; ask for fewer days or groups"
            );
            return Err(ApiError::new(ErrorCode::ReportTooLarge, detail));
        };
        blobs.put(&key, self.body, Durability::Cached).await?;
        let address = HeaderValue::try_from(request.url.expose().as_str());
        let address = address.map_err(|error| ApiError::internal(&error))?;
        Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, address)]).into_response())
    }

    fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let how = if self.attached { "attachment" } else { "inline" };
        let disposition = HeaderValue::try_from(format!("{how}; filename=\"{}\"", self.name))
            .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (header::CONTENT_DISPOSITION, disposition),
        ]
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.headers(), self.body).into_response()
    }
}
