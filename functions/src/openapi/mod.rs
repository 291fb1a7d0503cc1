//! The description of this API, as OpenAPI 3.1.
//!
//! It is made of what there is anyway: the table of [`endpoints`](crate::endpoints) says who may
//! call an operation and what for, the types of its handler what it takes and gives, the table of
//! error codes how it can fail. A *sketch* is what is known of one endpoint, and an *example* is a
//! request to it with its answer, recorded by the tests. Nothing is described twice, and a handler
//! whose types cannot be described does not build.

mod document;
mod example;
mod handler;
mod refusals;
mod sketch;
mod tidy;

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;

use crate::endpoints::{Area, Endpoint};
use crate::{ApiError, Context};

pub use document::describe;
pub use example::{Example, Examples};
pub(crate) use handler::{
    Accepted, Attachment, Created, Documented, Gives, NoContent, Registered, Reply, Takes,
};
pub(crate) use sketch::{Sketch, matching, text};

/// The group of operations whose answers people read.
pub(crate) const PAGES: &str = "pages";

/// The description with the examples that were recorded last.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| describe(&Examples::recorded()));

/// The same as it is sent.
static JSON: LazyLock<serde_json::Result<Bytes>> =
    LazyLock::new(|| serde_json::to_vec(document()).map(Bytes::from));

/// The description of the API.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// What a part of the document refers to, or the part itself.
pub fn resolved(part: &'static Value) -> &'static Value {
    let pointer = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document().pointer(pointer)).unwrap_or(part)
}

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default().serve(Endpoint::OpenApi, show)
}

async fn show() -> Reply<Description> {
    let response: Response = match &*JSON {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json.clone()).into_response(),
        Err(error) => ApiError::internal(error).into_response(),
    };
    response.into()
}

/// The description, as it describes itself.
struct Description;

impl Gives for Description {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_any_json(200, "An OpenAPI document.");
    }
}
