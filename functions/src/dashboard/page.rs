//! What every page has: its frame, its protection, and its way to say that something failed.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use zkpool_types::Timestamp;
use zkpool_types::api::Problem;

use crate::dashboard::{SignedIn, VARY_BY_ACCEPT, assets, format, wants_page};
use crate::openapi::{Gives, Sketch};
use crate::{ApiError, Context};

/// The sections of the dashboard, in the order of its menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Costs,
    Jobs,
    Budgets,
    Fleet,
    Performance,
    /// A page that is no section, such as the one that asks for a key.
    None,
}

impl Section {
    const MENU: [(Self, &'static str, &'static str); 6] = [
        (Self::Overview, "/dashboard", "Overview"),
        (Self::Costs, "/dashboard/costs", "Costs"),
        (Self::Jobs, "/dashboard/jobs", "Jobs"),
        (Self::Budgets, "/dashboard/budgets", "Budgets"),
        (Self::Fleet, "/dashboard/fleet", "Queue and fleet"),
        (Self::Performance, "/performance", "Performance"),
    ];
}

/// An entry of the menu.
pub(crate) struct MenuItem {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) is_here: bool,
}

/// Who a page is for.
pub(crate) struct Reader {
    pub(crate) project: String,
    pub(crate) form_token: String,
    pub(crate) until: String,
}

/// The frame around a page.
pub(crate) struct Frame {
    here: Section,
    /// Who is signed in, if anyone is.
    pub(crate) reader: Option<Reader>,
}

impl Frame {
    /// The frame of a page for whoever is signed in.
    pub(crate) fn new(here: Section, signed_in: &SignedIn) -> Self {
        let reader = Reader {
            project: signed_in.caller.project.to_string(),
            form_token: signed_in.form_token.expose().clone(),
            until: format::time_of_day(signed_in.expires_at),
        };
        Self { here, reader: Some(reader) }
    }

    /// The frame of a page that anyone may see.
    pub(crate) const fn public() -> Self {
        Self { here: Section::None, reader: None }
    }

    pub(crate) fn menu(&self) -> Vec<MenuItem> {
        let item = |(section, path, name)| MenuItem { path, name, is_here: section == self.here };
        Section::MENU.into_iter().map(item).collect()
    }

    /// The address of an asset in the version that was compiled in.
    #[expect(clippy::unused_self, reason = "templates reach functions through values")]
    pub(crate) fn asset(&self, file: &str) -> String {
        assets::address(file)
    }

    #[expect(clippy::unused_self, reason = "templates reach functions through values")]
    pub(crate) const fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A template as a response.
pub(crate) struct Page<T>(pub(crate) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => Html(html).into_response(),
            Err(error) => ApiError::internal(&error).into_response(),
        }
    }
}

impl<T> Gives for Page<T> {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_text(200, "A page.", "text/html; charset=utf-8");
    }
}

/// A page that is the same for everyone, so that it is laid out once.
pub(crate) struct SamePage(pub(crate) &'static askama::Result<Bytes>);

impl IntoResponse for SamePage {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(html) => Html(html.clone()).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

impl Gives for SamePage {
    fn gives(sketch: &mut Sketch) {
        Page::<()>::gives(sketch);
    }
}

/// What a page may load and where it may send forms: this site's own files, and nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// How long a browser that was here over TLS comes back over nothing else.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=31536000";

const PROTECTION: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    // `no-referrer` would also make browsers hide the origin of forms, by which they are checked.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Adds the headers that keep a page to itself, and shows problems to browsers as pages.
pub(crate) async fn protect(
    State(context): State<Context>,
    request: Request,
    next: Next,
) -> Response {
    let for_browser = wants_page(request.headers());
    let mut response = next.run(request).await;
    if for_browser && let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = with_page_of(problem, &response);
    }
    add_protection(response.headers_mut(), context.is_https());
    response
}

fn add_protection(headers: &mut HeaderMap, https: bool) {
    for (name, value) in PROTECTION {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if https {
        let value = HeaderValue::from_static(STRICT_TRANSPORT_SECURITY);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

/// A page in place of a problem.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    problem: Problem,
}

/// The same response with a page that says what failed.
fn with_page_of(problem: Problem, response: &Response) -> Response {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut page = Page(ProblemPage { frame: Frame::public(), problem }).into_response();
    if page.status() == StatusCode::OK {
        *page.status_mut() = status;
    }
    if let Some(retry_after) = headers.get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, retry_after.clone());
    }
    let (name, value) = VARY_BY_ACCEPT;
    page.headers_mut().insert(name, value);
    page
}

/// HTML that a template wrote, for another one.
pub(crate) type Drawn = String;

/// A point in time, for people and for machines.
pub(crate) struct Moment {
    pub(crate) machine: String,
    pub(crate) text: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { machine: at.to_string(), text: format::moment(at) }
    }
}
