//! Forms that a browser sends.
//!
//! A form counts only where the browser does not say that another site made it send it. Browsers
//! say so in `Sec-Fetch-Site`, and older ones in `Origin`; what sends neither is no browser, and
//! has no cookie that a site could use.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use zkpool_types::ErrorCode;

use crate::extract::read_body;
use crate::openapi::{Sketch, Takes};
use crate::{ApiError, ApiResult};

/// The fields of a form of this site.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        require_same_origin(request.headers())?;
        require_form(request.headers())?;
        let body = read_body(request).await?;
        // What does not parse may hold a key, so that nothing of it is repeated.
        serde_urlencoded::from_bytes(&body)
            .map(Self)
            .map_err(|_| ApiError::invalid_request("expected the fields of this form"))
    }
}

impl<T: ToSchema> Takes for Form<T> {
    fn takes(sketch: &mut Sketch) {
        sketch.body::<T>("application/x-www-form-urlencoded");
        sketch.refuses(&[ErrorCode::ForeignForm]);
    }
}

fn require_form(headers: &HeaderMap) -> ApiResult<()> {
    let essence = text(headers, "content-type").and_then(|value| value.split(';').next());
    if essence.is_some_and(|found| found.trim() == "application/x-www-form-urlencoded") {
        return Ok(());
    }
    let detail = "expected the header Content-Type: application/x-www-form-urlencoded";
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
}

fn require_same_origin(headers: &HeaderMap) -> ApiResult<()> {
    let same = match (text(headers, "sec-fetch-site"), text(headers, header::ORIGIN.as_str())) {
        // `none` is what a person typed or opened from a bookmark.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            text(headers, header::HOST.as_str()).is_some_and(|host| names_host(origin, host))
        }
        (None, None) => true,
    };
    if same { Ok(()) } else { Err(foreign_form()) }
}

/// The form was sent by a page of another site, or of another session.
pub(crate) fn foreign_form() -> ApiError {
    let detail = "expected a form that this site sent in this session; open the page again";
    ApiError::new(ErrorCode::ForeignForm, detail)
}

fn names_host(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, found)| found.eq_ignore_ascii_case(host))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn accepts(headers: &[(&'static str, &'static str)]) -> bool {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        require_same_origin(&headers.iter().map(pair).collect()).is_ok()
    }

    #[test]
    fn a_form_of_this_site_is_accepted() {
        assert!(accepts(&[("sec-fetch-site", "same-origin")]));
        assert!(accepts(&[("sec-fetch-site", "none")]));
        assert!(accepts(&[("origin", "https://pool.example"), ("host", "pool.example")]));
        assert!(accepts(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(accepts(&[]));
    }

    #[test]
    fn a_form_of_another_site_is_rejected() {
        for site in ["cross-site", "same-site", ""] {
            assert!(!accepts(&[("sec-fetch-site", site)]), "{site:?} was accepted");
        }
        assert!(!accepts(&[("origin", "https://evil.example"), ("host", "pool.example")]));
        assert!(!accepts(&[("origin", "null"), ("host", "pool.example")]));
        assert!(!accepts(&[("origin", "https://pool.example")]));
        assert!(!accepts(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://pool.example"),
            ("host", "pool.example")
        ]));
    }
}
