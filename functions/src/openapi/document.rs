//! The document, put together from the sketches of all endpoints.

use axum::http::{HeaderName, Method, header};
use serde_json::Value;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths,
};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, OpenApiBuilder, Required, Response,
};
use zkpool_types::Action;
use zkpool_types::api::Problem;

use super::sketch::text_header;
use super::{Example, Examples, PAGES, Sketch, refusals, text, tidy};
use crate::areas;
use crate::dashboard::COOKIE;
use crate::endpoints::{Access, Area, Endpoint, Row};
use crate::observe::REQUEST_ID;
use crate::rate_limit::{POLICY_HEADER, STANDING_HEADER};

/// The names of the ways to say who calls.
const KEY: &str = "key";
const SESSION: &str = "session";

const ABOUT: &str = "Zero-knowledge proofs on demand: register a circuit once, then one call is \
    one proof.\n\nA key goes into the header `Authorization: Bearer`. What is not answered as \
    asked is a problem (RFC 9457) with a stable `code`: [every code](/docs/errors). Amounts are \
    whole nano-dollars, times are RFC 3339 in UTC, sizes are bytes. Lists are paged: pass `next` \
    as `after`.\n\nEvery key may send a number of requests in a minute; the headers \
    `RateLimit-Policy` and `RateLimit` of each answer say how many, and how many are left.";

/// The description of the API with these examples.
#[must_use]
pub fn describe(examples: &Examples) -> Value {
    let mut paths = Paths::new();
    let mut components = components();
    for (endpoint, mut sketch) in areas().iter().flat_map(Area::sketches) {
        components.schemas.append(&mut sketch.schemas);
        let example = examples.0.get(&endpoint.operation_id());
        let Row { method, path, .. } = endpoint.row();
        let methods = vec![http_method(&method)];
        paths.add_path_operation(path, methods, operation(endpoint, sketch, example));
    }
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").build();
    let info = InfoBuilder::new()
        .title("ZKPool")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license));
    let document =
        OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build();
    // Serialisation fails only for want of memory.
    tidy::tidy(serde_json::to_value(document).unwrap_or_default())
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

/// What operations refer to: the problem, headers of answers, and ways to say who calls.
fn components() -> Components {
    let mut components = Components::new();
    for (name, about) in HEADERS {
        components.headers.insert(name.to_string(), text_header(about).into());
    }
    let mut mentioned = Sketch::default();
    mentioned.mentions::<Problem>();
    // A page alone has them, and a page does not say what its rows are.
    mentioned.mentions::<Action>();
    components.schemas.append(&mut mentioned.schemas);
    let about = "An API key. The scope that it needs stands with each operation.";
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
    components.add_security_scheme(KEY, SecurityScheme::Http(key));
    let cookie = ApiKeyValue::with_description(COOKIE, "A sign-in to the dashboard.");
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components
}

/// Headers that more than one operation answers with.
const HEADERS: [(HeaderName, &str); 5] = [
    (REQUEST_ID, "The id of the request in the server's logs; the caller's own, if it sent one."),
    (POLICY_HEADER, "Requests (`q`) that the key may send in a time (`w`, in seconds)."),
    (STANDING_HEADER, "Requests that are left (`r`), and seconds until all are again (`t`)."),
    (header::RETRY_AFTER, "Seconds to wait before the same request is sent again."),
    (header::WWW_AUTHENTICATE, "What the caller has to present (RFC 6750)."),
];

fn operation(endpoint: Endpoint, mut sketch: Sketch, example: Option<&Example>) -> Operation {
    let row = endpoint.row();
    if sketch.takes_path {
        sketch.parameters.insert(0, path_parameter(row.path));
    }
    if let Access::Session(_) = row.access {
        sketch.answers_empty(303, "Whoever is not signed in is asked to.");
    }
    add_problems(endpoint, &mut sketch);
    add_headers(&row, &mut sketch);
    if let Some(example) = example {
        add_example(example, &mut sketch);
    }
    let operation = OperationBuilder::new()
        .operation_id(Some(endpoint.operation_id()))
        .tag(tag(row.path))
        .summary(Some(row.summary.trim()))
        .parameters(Some(sketch.parameters).filter(|parameters| !parameters.is_empty()))
        .request_body(sketch.body)
        .securities(security(row.access));
    let with = |operation: OperationBuilder, (status, mut answer): (u16, Response)| {
        if answer.description.is_empty() {
            answer.description = row.summary.trim().to_owned();
        }
        operation.response(status.to_string(), answer)
    };
    sketch.answers.into_iter().fold(operation, with).build()
}

/// The group that an operation is shown in.
fn tag(path: &str) -> &str {
    match path.strip_prefix("/v1/") {
        Some(rest) => rest.split('/').next().unwrap_or_default(),
        None if is_page(path) => PAGES,
        None => "service",
    }
}

/// Whether what is at this path is for people.
fn is_page(path: &str) -> bool {
    let pages = ["/dashboard", "/docs", "/performance", "/problems", "/assets"];
    pages.iter().any(|page| path.starts_with(page))
}

fn path_parameter(path: &str) -> Parameter {
    let inside = path.split(['{', '}']).nth(1).unwrap_or_default();
    let parameter = ParameterBuilder::new().name(inside).parameter_in(ParameterIn::Path);
    parameter.required(Required::True).schema(Some(text())).build()
}

fn security(access: Access) -> Option<Vec<SecurityRequirement>> {
    let (scheme, scope) = match access {
        Access::Public | Access::SignedAddress => return None,
        Access::Key(scope) => (KEY, scope),
        Access::Session(scope) => (SESSION, scope),
    };
    Some(vec![SecurityRequirement::new(scheme, [scope.name()])])
}

/// An answer for each status that a refusal has, with the codes that it may be about.
fn add_problems(endpoint: Endpoint, sketch: &mut Sketch) {
    for code in refusals::of(endpoint, &sketch.refusals) {
        let line = format!("`{code}`: {}.", code.title());
        sketch.answers_problem(code.status(), &line, is_page(endpoint.row().path));
    }
}

fn add_headers(row: &Row, sketch: &mut Sketch) {
    let statuses: Vec<_> = sketch.answers.keys().copied().collect();
    for status in statuses {
        let for_key = matches!(row.access, Access::Key(_)) && status != 401;
        let names = [
            (REQUEST_ID, true),
            (POLICY_HEADER, for_key),
            (STANDING_HEADER, for_key),
            (header::RETRY_AFTER, matches!(status, 429 | 503)),
            (header::WWW_AUTHENTICATE, matches!(status, 401 | 403)),
        ];
        for (name, _) in names.into_iter().filter(|(_, has)| *has) {
            sketch.answers_component_header(status, name.as_str());
        }
    }
}

fn add_example(example: &Example, sketch: &mut Sketch) {
    let known = std::mem::take(&mut sketch.parameters);
    sketch.parameters = known.into_iter().map(|known| with_example(known, example)).collect();
    if let Some(body) = &example.body {
        sketch.body_example(body);
    }
    if let (Some(kind), Some(answer)) = (&example.content_type, &example.answer) {
        sketch.answer_example(example.status, kind, answer);
    }
}

fn with_example(parameter: Parameter, example: &Example) -> Parameter {
    let value = match parameter.parameter_in {
        ParameterIn::Path => example.path.as_ref(),
        _ => example.parameters.get(&parameter.name),
    };
    let Some(value) = value.cloned() else { return parameter };
    ParameterBuilder::from(parameter).example(Some(Value::String(value))).build()
}
