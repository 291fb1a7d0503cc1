//! The outermost layer: an id, a span and a problem body for every request.
//!
//! It logs the method, the matched path, the status and the latency. It does not log the path as
//! sent, the query (an upload's address carries its token there), headers or bodies.

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;
use zkpool_types::api::Problem;
use zkpool_types::{ErrorCode, TraceParent};

use crate::extract::trace_of;
use crate::limits::REQUEST_ID_BYTES_MAX;
use crate::{ApiError, Context};

/// The header that carries the id of a request in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs a request in a span of its own, turns a panic into a problem and writes the problem's body.
pub(crate) async fn observe(
    State(context): State<Context>,
    request: Request,
    next: Next,
) -> Response {
    let id = request_id(&context, request.headers());
    let path = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let trace = trace_of(request.headers());
    let trace = trace.as_ref().map(TraceParent::trace_id);
    let span = tracing::info_span!("request", id, trace, method = %request.method(), path);
    let started = context.ports().clock.elapsed();
    let mut response = caught(next.run(request)).instrument(span.clone()).await;
    let latency_us = context.ports().clock.elapsed().saturating_sub(started).as_micros();
    span.in_scope(|| {
        finish(&mut response, &id);
        tracing::info!(status = response.status().as_u16(), latency_us, "answered");
    });
    response
}

/// The caller's id of the request where it is fit for a log line, else a fresh one.
fn request_id(context: &Context, headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|text| is_request_id(text))
        .map_or_else(|| context.ports().ids.next().to_string(), str::to_owned)
}

fn is_request_id(text: &str) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A panic's message may quote the input, so that it is not repeated here. What the process prints
/// of a panic is its panic hook's matter.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        ApiError::new(ErrorCode::Internal, "the request failed on the server's side")
            .into_response()
    })
}

/// Adds the headers that every response has, and the body where it is a problem.
fn finish(response: &mut Response, id: &str) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        write_problem(response, &Problem { request_id: Some(id.to_owned()), ..problem });
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn write_problem(response: &mut Response, problem: &Problem) {
    tracing::debug!(code = problem.code.as_str(), "refused");
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    *response.body_mut() = Body::from(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_that_could_forge_a_log_line_is_rejected() {
        assert!(is_request_id("018f2e7a-0000.a_b"));
        for bad in ["", "a b", "a\nb", "a=\"b\"", &"a".repeat(REQUEST_ID_BYTES_MAX + 1)] {
            assert!(!is_request_id(bad), "{bad:?} was accepted");
        }
    }
}
