//! Signing in and out.
//!
//! A key that is refused gets its answer a second later, and only so many of them wait at once;
//! what is right is let in without a delay, whatever else goes on. Keys have 256 random bits.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use zkpool_types::{ApiKey, ErrorCode, Scope, Secret};

use crate::dashboard::form::{Form, foreign_form};
use crate::dashboard::page::{Frame, Page};
use crate::dashboard::session::forget_cookie;
use crate::dashboard::{SignedIn, ask_to_sign_in, front_page};
use crate::limits::SIGN_IN_REFUSED_AFTER;
use crate::openapi::{Gives, Reply, Sketch};
use crate::{ApiError, ApiResult, Context};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    refusal: Option<&'static str>,
}

pub(crate) async fn page() -> Page<impl Template> {
    Page(SignInPage { frame: Frame::public(), refusal: None })
}

/// The fields of the form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// A key of the scope `finance`.
    #[schema(value_type = String)]
    key: Secret<String>,
}

pub(crate) async fn sign_in(
    State(context): State<Context>,
    headers: HeaderMap,
    Form(Credentials { key }): Form<Credentials>,
) -> ApiResult<Reply<NewCookie>> {
    let answer = match admitted(&context, &key).await? {
        Ok(key) => {
            let token = context.sessions().begin(&key).await?;
            with_cookie(front_page(), &token.set_cookie(is_https(&context, &headers)))
        }
        Err(refusal) => refused(&context, refusal).await,
    };
    answer.map(Reply::from)
}

/// The answer to a form of this area, as the document has it.
pub(crate) struct NewCookie;

impl Gives for NewCookie {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_empty(303, "Done: the next page.");
        sketch.answers_header(303, "location", "The next page.");
        sketch.answers_header(303, "set-cookie", "Begins or ends the session.");
    }
}

/// Why a key does not sign in.
#[derive(Clone, Copy)]
enum Refusal {
    Unknown,
    NoFinance,
}

/// The key, if it may see what the dashboard shows.
async fn admitted(context: &Context, text: &Secret<String>) -> ApiResult<Result<ApiKey, Refusal>> {
    let Ok(key) = text.expose().trim().parse::<ApiKey>() else { return Ok(Err(Refusal::Unknown)) };
    let Some(record) = context.keys().find(&key).await? else { return Ok(Err(Refusal::Unknown)) };
    if !record.scopes.contains(&Scope::Finance) {
        return Ok(Err(Refusal::NoFinance));
    }
    tracing::info!(key = %record.id, project = %record.project, "signed in");
    Ok(Ok(key))
}

async fn refused(context: &Context, refusal: Refusal) -> ApiResult<Response> {
    let Ok(_place) = context.sign_in_refusals().try_acquire() else {
        let detail = "too many keys are refused at the moment; wait a few seconds";
        return Err(ApiError::new(ErrorCode::SignInBusy, detail));
    };
    context.ports().clock.sleep(SIGN_IN_REFUSED_AFTER).await;
    tracing::warn!("a sign-in was refused");
    let (status, text) = match refusal {
        Refusal::Unknown => (StatusCode::UNAUTHORIZED, "This key is unknown or was revoked."),
        Refusal::NoFinance => {
            (StatusCode::FORBIDDEN, "This key lacks the scope finance, which the dashboard needs.")
        }
    };
    let page = Page(SignInPage { frame: Frame::public(), refusal: Some(text) });
    Ok((status, page).into_response())
}

/// The fields of the form that every page has.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignOut {
    /// What every page of the session holds.
    #[schema(value_type = String)]
    form_token: Secret<String>,
}

pub(crate) async fn sign_out(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    headers: HeaderMap,
    Form(SignOut { form_token }): Form<SignOut>,
) -> ApiResult<Reply<NewCookie>> {
    if form_token != signed_in.form_token {
        return Err(foreign_form());
    }
    context.sessions().end(signed_in.id).await?;
    let cookie = forget_cookie(is_https(&context, &headers));
    with_cookie(ask_to_sign_in(), &cookie).map(Reply::from)
}

/// Whether the browser came over TLS: by the service's public address, or by what the gateway
/// before it says.
fn is_https(context: &Context, headers: &HeaderMap) -> bool {
    context.is_https()
        || headers.get("x-forwarded-proto").is_some_and(|protocol| protocol == "https")
}

fn with_cookie(mut response: Response, cookie: &str) -> ApiResult<Response> {
    let value = HeaderValue::try_from(cookie).map_err(|error| ApiError::internal(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}
