//! What stands before every handler: the time limit, the key, how many requests it sends, its scope,
//! the announced length.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use zkpool_types::{ApiKey, ErrorCode, KeyId, KeyRecord, ProjectId, Scope};

use crate::actions::{self, Asked};
use crate::dashboard;
use crate::endpoints::{Access, Endpoint};
use crate::{ApiError, ApiResult, Context, Keys};

/// Who calls: the project of the key, and the key's public name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub project: ProjectId,
    /// The key.
    pub key: KeyId,
}

/// The guard's state: what an endpoint's row asks for, and where keys are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    context: Context,
    endpoint: Endpoint,
}

impl Gate {
    pub(crate) const fn new(context: Context, endpoint: Endpoint) -> Self {
        Self { context, endpoint }
    }
}

/// Lets a request through to its handler, or answers in the handler's place.
///
/// The time limit is on real time and not on the clock port: it bounds how long a peer holds a
/// connection, which no simulation owns.
pub(crate) async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let limit = gate.endpoint.row().timeout;
    match tokio::time::timeout(limit, admit(&gate, request, next)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(_) => {
            let detail = format!("expected to be done within {} s", limit.as_secs());
            ApiError::new(ErrorCode::RequestTimeout, detail).into_response()
        }
    }
}

async fn admit(gate: &Gate, mut request: Request, next: Next) -> ApiResult<Response> {
    let row = gate.endpoint.row();
    match row.access {
        Access::Public | Access::SignedAddress => {}
        Access::Key(scope) => return for_key(gate, scope, request, next).await,
        Access::Session(scope) => {
            let found = gate.context.sessions().find(request.headers(), scope).await?;
            let Some(signed_in) = found else { return Ok(dashboard::ask_to_sign_in()) };
            request.extensions_mut().insert(signed_in);
        }
    }
    run(gate, request, next).await
}

async fn run(gate: &Gate, mut request: Request, next: Next) -> ApiResult<Response> {
    refuse_announced_oversize(request.headers(), gate.endpoint.row().body_bytes_max)?;
    request.extensions_mut().insert(gate.endpoint);
    Ok(next.run(request).await)
}

/// Every request of a valid key counts, whatever becomes of it, and every answer says so.
async fn for_key(gate: &Gate, scope: Scope, request: Request, next: Next) -> ApiResult<Response> {
    let record = authenticate(gate.context.keys(), request.headers()).await?;
    let standing = gate.context.rate_limits().count(record.id);
    let answered = match standing.refusal() {
        Some(refusal) => Err(refusal),
        None => admit_key(gate, record, scope, request, next).await,
    };
    let mut response = answered.into_response();
    standing.write(response.headers_mut());
    Ok(response)
}

async fn admit_key(
    gate: &Gate,
    record: KeyRecord,
    scope: Scope,
    mut request: Request,
    next: Next,
) -> ApiResult<Response> {
    if !record.scopes.contains(&scope) {
        return Err(ApiError::scope_missing(scope));
    }
    let caller = Caller { project: record.project, key: record.id };
    request.extensions_mut().insert(caller.clone());
    if !actions::are_actions(gate.endpoint) {
        return run(gate, request, next).await;
    }
    let asked = Asked::write(&gate.context, gate.endpoint, &caller, &mut request).await?;
    Ok(asked.answer(run(gate, request, next).await).await)
}

/// The record of the key, if it is valid now. Storage that does not answer lets nobody in.
async fn authenticate(keys: &Keys, headers: &HeaderMap) -> ApiResult<KeyRecord> {
    let key = bearer(headers).ok_or_else(ApiError::key_required)?;
    keys.find(&key).await?.ok_or_else(ApiError::key_refused)
}

/// The key of the only `Authorization` header. Two headers would leave open which one counts.
fn bearer(headers: &HeaderMap) -> Option<ApiKey> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { key.trim().parse().ok() } else { None }
}

/// Refuses what is too long by its own account before a byte of it is read. What announces no
/// length is counted while it is read.
fn refuse_announced_oversize(headers: &HeaderMap, max: u64) -> ApiResult<()> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    match announced {
        Some(found) if found > max => Err(body_too_large(max, found)),
        _ => Ok(()),
    }
}

/// The body has `found` bytes or more, `max` are accepted.
pub(crate) fn body_too_large(max: u64, found: u64) -> ApiError {
    let detail = format!("expected at most {max} bytes, found at least {found}");
    ApiError::new(ErrorCode::BodyTooLarge, detail)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        let key = format!("zkp_{}", "0".repeat(64));
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert!(bearer(&headers(&[&format!("{scheme} {key}")])).is_some());
        }
    }

    #[test]
    fn anything_but_one_well_formed_key_is_rejected() {
        let key = format!("Bearer zkp_{}", "0".repeat(64));
        let cases: [&[&str]; 7] =
            [&[], &[""], &["Bearer"], &["Bearer zkp_"], &["Basic abc"], &["zkp_00"], &[&key, &key]];
        for case in cases {
            assert!(bearer(&headers(case)).is_none(), "{case:?} was accepted");
        }
    }
}
