//! What handlers take out of a request. Each refusal is a named problem; the plain-text answers
//! of the framework never reach a caller.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use utoipa::openapi::Required;
use utoipa::{IntoParams, ToSchema};
use zkpool_types::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use zkpool_types::{ErrorCode, Sha256Digest, TraceParent};

use crate::endpoints::Endpoint;
use crate::guard::{Caller, body_too_large};
use crate::openapi::{Sketch, Takes, matching, text};
use crate::{ApiError, ApiResult};

/// A JSON body, read within the endpoint's limit, with the digest of the bytes as they were sent.
pub(crate) struct JsonBody<T> {
    pub(crate) value: T,
    pub(crate) digest: Sha256Digest,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        require_json(request.headers())?;
        let bytes = read_body(request).await?;
        Ok(Self { value: parse_json(&bytes)?, digest: Sha256Digest::of(&bytes) })
    }
}

impl<T: ToSchema> Takes for JsonBody<T> {
    fn takes(sketch: &mut Sketch) {
        sketch.body::<T>("application/json");
    }
}

/// The body is plain JSON. A compressed one is refused rather than unpacked to an unknown size.
fn require_json(headers: &HeaderMap) -> ApiResult<()> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let essence = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    let is_json =
        essence.is_some_and(|found| found.trim().eq_ignore_ascii_case("application/json"));
    if is_json && !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(());
    }
    let detail = "expected the header Content-Type: application/json and no Content-Encoding";
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
}

pub(crate) async fn read_body(request: Request) -> ApiResult<Bytes> {
    let max = limit(&request)?;
    let mut chunks = Body::into_data_stream(request.into_body());
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::invalid_request("the body ended early"))?;
        let found = (whole.len() + chunk.len()) as u64;
        if found > max {
            return Err(body_too_large(max, found));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// The limit of the endpoint that the guard let the request through to.
fn limit(request: &Request) -> ApiResult<u64> {
    match request.extensions().get::<Endpoint>() {
        Some(endpoint) => Ok(endpoint.row().body_bytes_max),
        None => Err(ApiError::new(ErrorCode::Internal, "the endpoint has no guard")),
    }
}

/// Fields whose content no error text may quote.
const SECRET_FIELDS: [&str; 4] = ["witness", "inputs", "proving_key", "generator"];

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        ApiError::invalid_request(json_detail(&path, error.inner()))
    })?;
    reader.end().map_err(|error| ApiError::invalid_request(json_detail(".", &error)))?;
    Ok(value)
}

/// Where the body stopped being what the route expects, and how, unless that would quote a secret.
fn json_detail(path: &str, error: &serde_json::Error) -> String {
    let field = path.split(['.', '[']).next().unwrap_or_default();
    if SECRET_FIELDS.contains(&field) {
        let (line, column) = (error.line(), error.column());
        return format!("at {path}: not what is expected there, at line {line} column {column}");
    }
    format!("at {path}: {error}")
}

/// The trace that the call belongs to, where its headers say so: W3C's own, or AWS's.
pub(crate) struct CallTrace(pub(crate) Option<TraceParent>);

impl<S: Send + Sync> FromRequestParts<S> for CallTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(trace_of(&parts.headers)))
    }
}

impl Takes for CallTrace {
    fn takes(sketch: &mut Sketch) {
        let about = "The place in a trace that the call belongs to (W3C Trace Context).";
        sketch.header("traceparent", Required::False, about, text());
    }
}

/// The trace in these headers. One that is malformed counts as none: it is no reason to refuse.
pub(crate) fn trace_of(headers: &HeaderMap) -> Option<TraceParent> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let standard = text("traceparent").and_then(|text| text.parse().ok());
    standard.or_else(|| text("x-amzn-trace-id").and_then(TraceParent::from_amazon))
}

/// The query, whose every parameter the route knows.
pub(crate) struct QueryParams<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::invalid_request(error.body_text())),
        }
    }
}

impl<T: IntoParams> Takes for QueryParams<T> {
    fn takes(sketch: &mut Sketch) {
        sketch.query::<T>();
    }
}

/// The one parameter of the path, as text. What names no object is left to the handler.
pub(crate) struct PathParam(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathParam {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Ok(Self(String::new())),
        }
    }
}

impl Takes for PathParam {
    fn takes(sketch: &mut Sketch) {
        sketch.path();
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::key_required)
    }
}

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters.
pub(crate) struct IdempotencyKey(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
            (Some(key), None) if is_idempotency_key(key) => Ok(Self(key.to_owned())),
            _ => Err(ApiError::new(
                ErrorCode::IdempotencyKeyRequired,
                format!(
                    "expected one Idempotency-Key header of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} \
                     visible ASCII characters"
                ),
            )),
        }
    }
}

impl Takes for IdempotencyKey {
    fn takes(sketch: &mut Sketch) {
        let about = "Tells this request from every other one; sent again with it, it is the same.";
        let key = matching("^[!-~]{1,255}$");
        sketch.header("idempotency-key", Required::True, about, key);
        sketch.refuses(&[ErrorCode::IdempotencyKeyRequired]);
    }
}

fn is_idempotency_key(text: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use zkpool_types::api::SubmitProof;

    use super::*;

    #[test]
    fn a_misspelt_field_is_named() {
        let body = br#"{"circuit":"a","witness":{"base64":""},"dead_line":null}"#;
        let error = parse_json::<SubmitProof>(body).unwrap_err();
        assert!(format!("{error:?}").contains("dead_line"), "{error:?}");
    }

    #[test]
    fn a_witness_in_the_wrong_place_is_rejected_without_repeating_it() {
        for body in [
            r#"{"circuit":"a","witness":"CANARY"}"#,
            r#"{"circuit":"a","witness":{"base64":31337}}"#,
            r#"{"circuit":"a","witness":{"upload":"CANARY"}}"#,
            r#"{"circuit":"a","witness":{"CANARY":1}}"#,
            r#"{"circuit":"a","inputs":{"witness":31337,"b":CANARY}}"#,
        ] {
            let error = format!("{:?}", parse_json::<SubmitProof>(body.as_bytes()).err().unwrap());
            assert!(error.contains("witness") || error.contains("inputs"), "{error}");
            assert!(!error.contains("31337") && !error.contains("\"CANARY\""), "{error}");
        }
    }

    #[test]
    fn trailing_bytes_are_rejected() {
        assert!(parse_json::<u8>(b"1 2").is_err());
    }
}
