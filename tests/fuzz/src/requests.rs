//! Whole requests, through the routes, limits and handlers of the API: paths, queries, cursors,
//! keys, cookies, signed addresses, headers and bodies together.
//!
//! A request is a line of method and path, lines of headers, an empty line and the body. Lines end
//! as in HTTP or with a line feed alone. What is no request by the rules of HTTP is refused here as
//! the server in front refuses it.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};

use crate::target::{Breach, Format, Held, Meter, Target, Verdict, refused_in};
use crate::world::{Answer, World};

pub(crate) const TARGETS: &[Target] =
    &[Target { name: "request", format: Format::Request, read: read_request }];

static WORLD: LazyLock<Result<World, Breach>> = LazyLock::new(|| World::new().map_err(Breach::new));

fn read_request(input: &[u8], meter: &mut Meter) -> Held {
    let world = WORLD.as_ref().map_err(Clone::clone)?;
    let Some(request) = parse(input) else { return Ok(Verdict::Refused) };
    let answer = meter.measure(|| world.answer(request)).map_err(Breach::new)?;
    judge(&answer)
}

/// An answer is never the fault of the service, and a refusal is a problem of bounded length.
fn judge(answer: &Answer) -> Held {
    let status = answer.status;
    if status.is_success() || status.is_redirection() {
        return Ok(Verdict::Accepted);
    }
    if !status.is_client_error() {
        let body = String::from_utf8_lossy(&answer.body);
        return Err(Breach::new(format!(
            "expected no fault of the service, found {status}: {body}"
        )));
    }
    let problem = answer.value();
    let detail = problem.get("detail").and_then(|detail| detail.as_str()).unwrap_or_default();
    refused_in(detail)
}

/// The request in these bytes, if they are one.
#[must_use]
pub fn parse(input: &[u8]) -> Option<Request<Body>> {
    let (head, body) = split(input);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut line = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = Method::from_bytes(line.next()?).ok()?;
    *request.uri_mut() = Uri::try_from(line.next()?).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(line.get(..colon)?).ok()?;
        let value = HeaderValue::from_bytes(line.get(colon + 1..)?.trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

/// Head and body of a request.
pub(crate) fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"].into_iter().filter_map(|end| {
        let at = input.windows(end.len()).position(|window| window == end)?;
        Some((at, at + end.len()))
    });
    match ends.min() {
        Some((head, body)) => (&input[..head], &input[body..]),
        None => (input.trim_ascii_end(), &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::REFUSAL_CHARS_MAX;

    #[test]
    fn a_request_is_read_with_either_end_of_line() {
        for text in
            ["POST /v1/x?a=b\nname: value\n\nbody", "POST /v1/x?a=b\r\nname: value\r\n\r\nbody"]
        {
            let request = parse(text.as_bytes()).unwrap();
            assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/v1/x"));
            assert_eq!(request.headers()["name"], "value");
            assert_eq!(split(text.as_bytes()).1, b"body");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in ["", "GET", "GET /x y z", "G\u{0}T /", "GET /\nno header"] {
            assert!(parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_fault_of_the_service_and_a_long_detail_are_breaches() {
        let answer = |status: u16, detail: &str| Answer {
            status: status.try_into().unwrap(),
            headers: axum::http::HeaderMap::new(),
            body: serde_json::json!({ "detail": detail }).to_string().into(),
        };
        assert_eq!(judge(&answer(400, "short")), Ok(Verdict::Refused));
        assert!(judge(&answer(500, "")).is_err() && judge(&answer(503, "")).is_err());
        assert!(judge(&answer(400, &"x".repeat(REFUSAL_CHARS_MAX + 1))).is_err());
    }
}
