//! From a handler's signature to what the document says of its endpoint.
//!
//! A handler cannot be mounted unless every type that it takes and gives says what it is on the
//! wire, so that the document follows the code and not a description beside it.

use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use utoipa::ToSchema;

use crate::ApiResult;
use crate::guard::Caller;
use crate::openapi::Sketch;

/// What a handler takes of a request.
pub(crate) trait Takes {
    /// Adds it to the sketch.
    fn takes(sketch: &mut Sketch);
}

/// What a handler answers when it does as it was asked.
pub(crate) trait Gives {
    /// Adds it to the sketch.
    fn gives(sketch: &mut Sketch);
}

/// A handler whose types say what they are on the wire. `T` tells handlers of one length of
/// arguments from another, as axum does.
pub(crate) trait Documented<T> {
    /// What is known of it.
    fn sketch() -> Sketch;
}

macro_rules! documented {
    ($(($($argument:ident),*))*) => {$(
        impl<F, A, M, $($argument),*> Documented<(M, $($argument,)*)> for F
        where
            F: Fn($($argument),*) -> A,
            A: Future<Output: Gives>,
            $($argument: Takes,)*
        {
            fn sketch() -> Sketch {
                let mut sketch = Sketch::default();
                $($argument::takes(&mut sketch);)*
                A::Output::gives(&mut sketch);
                sketch
            }
        }
    )*};
}

documented! { (T1) (T1, T2) (T1, T2, T3) (T1, T2, T3, T4) (T1, T2, T3, T4, T5) }

impl<F, A> Documented<((),)> for F
where
    F: Fn() -> A,
    A: Future<Output: Gives>,
{
    fn sketch() -> Sketch {
        let mut sketch = Sketch::default();
        A::Output::gives(&mut sketch);
        sketch
    }
}

impl<C> Takes for State<C> {
    /// It is no part of the request.
    fn takes(_: &mut Sketch) {}
}

impl<E> Takes for Extension<E> {
    /// The guard put it there.
    fn takes(_: &mut Sketch) {}
}

impl Takes for Caller {
    /// The table of endpoints tells who may call.
    fn takes(_: &mut Sketch) {}
}

impl Takes for HeaderMap {
    /// Headers that every browser sends.
    fn takes(_: &mut Sketch) {}
}

impl Takes for Body {
    fn takes(sketch: &mut Sketch) {
        sketch.binary_body();
    }
}

impl<T: Gives> Gives for ApiResult<T> {
    fn gives(sketch: &mut Sketch) {
        T::gives(sketch);
    }
}

impl<T: ToSchema> Gives for Json<T> {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<T>(200, "");
    }
}

/// 201 with what was made.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: serde::Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: ToSchema> Gives for Created<T> {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<T>(201, "Made.");
    }
}

/// 202 with what is on its way.
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: serde::Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: ToSchema> Gives for Accepted<T> {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<T>(202, "On its way.");
    }
}

/// 201 with what was made, or 200 with what was there already.
pub(crate) struct Registered<T> {
    pub(crate) view: T,
    pub(crate) created: bool,
}

impl<T: serde::Serialize> IntoResponse for Registered<T> {
    fn into_response(self) -> Response {
        let status = if self.created { StatusCode::CREATED } else { StatusCode::OK };
        (status, Json(self.view)).into_response()
    }
}

impl<T: ToSchema> Gives for Registered<T> {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<T>(201, "Made.");
        sketch.answers_json::<T>(200, "It was there already.");
    }
}

/// 204.
pub(crate) struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Gives for NoContent {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_empty(204, "Done.");
    }
}

/// JSON that a browser stores under a name.
pub(crate) struct Attachment<T> {
    pub(crate) name: String,
    pub(crate) body: T,
}

impl<T: serde::Serialize> IntoResponse for Attachment<T> {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.name);
        ([(header::CONTENT_DISPOSITION, disposition)], Json(self.body)).into_response()
    }
}

impl<T: ToSchema> Gives for Attachment<T> {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<T>(200, "A file.");
        sketch.answers_header(200, "content-disposition", "The file's name.");
    }
}

/// A response that is made by hand, and is what `D` says.
pub(crate) struct Reply<D> {
    response: Response,
    says: PhantomData<fn() -> D>,
}

impl<D> From<Response> for Reply<D> {
    fn from(response: Response) -> Self {
        Self { response, says: PhantomData }
    }
}

impl<D> IntoResponse for Reply<D> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<D: Gives> Gives for Reply<D> {
    fn gives(sketch: &mut Sketch) {
        D::gives(sketch);
    }
}
