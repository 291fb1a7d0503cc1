//! The dashboard: pages for people, written on the server.
//!
//! A *page* is HTML that needs nothing but itself, one style sheet and one small script, all
//! compiled in; every figure of a chart is also in a table beside it. A *session* is begun with a
//! key of the scope `finance` and shows what that key's project may know of its costs: receipts,
//! never proofs or witnesses. A *view* is what a template writes, with every figure formatted.
//!
//! Whoever is not signed in is sent to the page that asks for a key. Errors are pages for browsers
//! and problems for everyone else.

mod assets;
mod breakdown;
mod budgets;
mod charts;
mod costs;
mod curl;
mod errors;
mod fleet;
mod form;
mod format;
mod jobs;
mod kind;
mod overview;
mod page;
mod performance;
mod period;
mod prose;
mod receipt;
mod reference;
mod session;
mod sign_in;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::Context;
use crate::endpoints::{Area, Endpoint};

pub(crate) use page::protect;
pub(crate) use session::{COOKIE, Sessions, SignedIn};

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::of_pages()
        .serve(Endpoint::SignInPage, sign_in::page)
        .serve(Endpoint::SignIn, sign_in::sign_in)
        .serve(Endpoint::SignOut, sign_in::sign_out)
        .serve(Endpoint::OverviewPage, overview::page)
        .serve(Endpoint::CostsPage, costs::page)
        .serve(Endpoint::DownloadCosts, costs::download)
        .serve(Endpoint::JobsPage, jobs::page)
        .serve(Endpoint::JobPage, receipt::page)
        .serve(Endpoint::DownloadReceipt, receipt::download)
        .serve(Endpoint::FleetPage, fleet::page)
        .serve(Endpoint::BudgetsPage, budgets::page)
        .serve(Endpoint::PerformancePage, performance::page)
        .serve(Endpoint::Asset, assets::serve)
        .serve(Endpoint::ReferencePage, reference::page)
        .serve(Endpoint::ErrorsPage, errors::page)
        .serve(Endpoint::ProblemType, errors::of_code)
}

/// Sends a browser to the page that asks for a key.
pub(crate) fn ask_to_sign_in() -> Response {
    Redirect::to("/dashboard/sign-in").into_response()
}

/// Sends a browser to the dashboard.
pub(crate) fn front_page() -> Response {
    Redirect::to("/dashboard").into_response()
}

/// Whether the caller would rather have a page than JSON. Only browsers name HTML.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

/// What answers that differ by `Accept` say, so that no cache mixes them up.
pub(crate) const VARY_BY_ACCEPT: (HeaderName, HeaderValue) =
    (header::VARY, HeaderValue::from_static("accept"));
