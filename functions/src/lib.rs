//! The HTTP API of ZKPool, version 1, as axum routers.
//!
//! Each area (circuits, proofs, events, quotes, budgets, performance, costs, keys, actions, webhooks,
//! uploads, health) has a router of its own over one shared [`Context`]; [`router`] serves them all in one
//! process, and a function that is deployed alone wraps its area in [`complete`]. Handlers know
//! neither a socket nor a process: [`local`] has the server. [`openapi`] describes all areas.
//!
//! The words: an *endpoint* is a row of the table in [`endpoints`], which says who may call it,
//! how large and how long. The *guard* stands before every handler, holds requests to that row,
//! and counts those of each key. A *problem* is an error body (RFC 9457) with a stable code;
//! everything that is not answered as asked is one, and its status is never a success. Where
//! storage or queue do not answer, the code is `unavailable`, nobody is let in, and the same
//! request may be sent again.

pub mod actions;
mod blocking;
pub mod books;
pub mod budgets;
pub mod circuits;
mod context;
pub mod costs;
pub mod dashboard;
pub mod endpoints;
pub mod events;
mod extract;
mod file;
mod generator;
mod guard;
pub mod health;
mod key_store;
pub mod keys;
pub mod limits;
pub mod local;
mod observe;
pub mod openapi;
mod paging;
pub mod performance;
mod price;
mod problem;
pub mod proofs;
mod proving_key;
pub mod quotes;
mod rate_limit;
mod runtime;
mod streams;
mod upload_address;
pub mod uploads;
pub mod webhooks;
mod witness;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use zkpool_types::ErrorCode;

use endpoints::Area;

pub use context::{Context, Settings};
pub use guard::Caller;
pub use key_store::Keys;
pub use problem::{ApiError, ApiResult};
pub use runtime::runtime;

/// The whole API.
pub fn router(context: Context) -> Router {
    let merged = |router: Router, area: Area| router.merge(area.router(&context));
    let routes = areas().into_iter().fold(Router::new(), merged);
    complete(context, routes)
}

/// Every area, in the order in which the document shows them.
fn areas() -> Vec<Area> {
    vec![
        circuits::area(),
        proofs::area(),
        events::area(),
        uploads::area(),
        quotes::area(),
        budgets::area(),
        costs::area(),
        books::area(),
        performance::area(),
        keys::area(),
        actions::area(),
        webhooks::area(),
        health::area(),
        openapi::area(),
        dashboard::area(),
    ]
}

/// Areas with what every response needs: problems for unknown paths and methods, a request id,
/// a span, and a problem in place of a panic.
pub fn complete(context: Context, areas: Router) -> Router {
    areas
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(context, observe::observe))
}

async fn unknown_path() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "nothing is served at this path")
}

async fn wrong_method(method: Method) -> ApiError {
    let method: String = method.as_str().chars().take(16).collect();
    let detail = format!("the method {method} is not served at this path; see the header Allow");
    ApiError::new(ErrorCode::MethodNotAllowed, detail)
}
