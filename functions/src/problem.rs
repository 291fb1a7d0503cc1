//! Every error of the API: a stable code and what is particular to this occurrence.
//!
//! A response starts as an [`ApiError`] and leaves as `application/problem+json` (RFC 9457): the
//! outermost layer writes the body, because only it knows the id of the request.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use zkpool_billing::{BillingError, BudgetError, QuoteError};
use zkpool_jobs::{CircuitError, JobError, PortError, SubmitError, UploadError};
use zkpool_ports::BlobError;
use zkpool_types::api::Problem;
use zkpool_types::text::shortened;
use zkpool_types::{ErrorCode, Scope};
use zkpool_webhooks::WebhookError;

use crate::limits::DETAIL_CHARS_MAX;

/// What a rejected caller has to present (RFC 6750).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Challenge {
    /// A key.
    Key,
    /// A key that exists and was not revoked.
    ValidKey,
    /// A key with this scope.
    Scope(Scope),
}

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: ErrorCode,
    detail: String,
    challenge: Option<Challenge>,
    /// Time after which the same request may be sent again, in seconds.
    retry_after_s: Option<u64>,
}

/// A result of the API.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// The error of this code. The detail says what was expected and what was found, and holds
    /// nothing of a witness or key. The middle of a long one is left out.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let retry_after_s = (code == ErrorCode::Unavailable).then_some(RETRY_AFTER_S);
        let detail = shortened(detail.into(), DETAIL_CHARS_MAX);
        Self { code, detail, challenge: None, retry_after_s }
    }

    /// The same error, after which the request may be sent again in so many seconds.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// There is no such object, or it belongs to another project: callers cannot tell which.
    #[must_use]
    pub fn not_found(kind: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {kind} in this project"))
    }

    /// The body, the query or a header is not what the route expects.
    #[must_use]
    pub fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail)
    }

    /// The request has no usable key.
    pub(crate) fn key_required() -> Self {
        let detail = "expected the header Authorization: Bearer followed by an API key";
        Self { challenge: Some(Challenge::Key), ..Self::new(ErrorCode::Unauthenticated, detail) }
    }

    /// The key is unknown or revoked.
    pub(crate) fn key_refused() -> Self {
        let detail = "the API key is unknown or was revoked";
        Self {
            challenge: Some(Challenge::ValidKey),
            ..Self::new(ErrorCode::Unauthenticated, detail)
        }
    }

    /// The key is valid and lacks `scope`.
    pub(crate) fn scope_missing(scope: Scope) -> Self {
        let detail = format!("expected a key with the scope {scope}");
        Self {
            challenge: Some(Challenge::Scope(scope)),
            ..Self::new(ErrorCode::ScopeMissing, detail)
        }
    }

    /// Storage or queue did not answer. The cause goes to the log, not to the caller.
    pub(crate) fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = chain(cause), "storage or queue failed");
        Self::new(ErrorCode::Unavailable, "storage or queue did not answer; send the request again")
    }

    /// Something broke that no caller can mend. The cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = chain(cause), "the server failed");
        Self::new(ErrorCode::Internal, "the request failed on the server's side")
    }
}

/// An error and its sources in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl From<BlobError> for ApiError {
    /// An object that has to be there and is not is a fault of ours like any other one: a caller
    /// that asked for something absent is told so before it comes to this.
    fn from(error: BlobError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<askama::Error> for ApiError {
    /// A template fails where it cannot write, which is nothing that a caller can mend.
    fn from(error: askama::Error) -> Self {
        Self::internal(&error)
    }
}

macro_rules! through_code {
    ($($error:ty = $kind:literal;)*) => {$(
        impl From<$error> for ApiError {
            /// The error's own code. What is absent and what is another project's read the same.
            fn from(error: $error) -> Self {
                match error.code() {
                    ErrorCode::NotFound => Self::not_found($kind),
                    ErrorCode::Unavailable => Self::unavailable(&error),
                    ErrorCode::Internal => Self::internal(&error),
                    code => Self::new(code, error.to_string()),
                }
            }
        }
    )*};
}

through_code! {
    BillingError = "report";
    BudgetError = "budget";
    PortError = "object";
    QuoteError = "quote";
    CircuitError = "circuit";
    JobError = "proof request";
    SubmitError = "upload";
    UploadError = "upload";
    WebhookError = "webhook or delivery";
}

impl Challenge {
    fn header(self) -> HeaderValue {
        match self {
            Self::Key => HeaderValue::from_static("Bearer realm=\"zkpool\""),
            Self::ValidKey => {
                HeaderValue::from_static("Bearer realm=\"zkpool\", error=\"invalid_token\"")
            }
            Self::Scope(scope) => insufficient_scope(scope),
        }
    }
}

fn insufficient_scope(scope: Scope) -> HeaderValue {
    let text = format!("Bearer realm=\"zkpool\", error=\"insufficient_scope\", scope=\"{scope}\"");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
}

/// Time after which storage or queue are asked again, in seconds.
const RETRY_AFTER_S: u64 = 2;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { code, detail, challenge, retry_after_s } = self;
        let status =
            StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.header());
        }
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Problem::new(code, detail));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_never_becomes_a_success() {
        for code in ErrorCode::ALL {
            let response = ApiError::new(*code, "").into_response();
            assert_eq!(response.status().as_u16(), code.status());
        }
    }

    #[test]
    fn a_missing_scope_is_named_in_the_challenge() {
        let response = ApiError::scope_missing(Scope::Admin).into_response();
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("scope=\"admin\""), "{challenge}");
    }
}
