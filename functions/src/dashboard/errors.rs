//! Every code of a problem, for people: the table of codes as a page, and where a problem's type
//! leads.

use askama::Template;
use axum::response::{IntoResponse, Redirect};
use zkpool_types::ErrorCode;

use crate::dashboard::page::{Frame, Page};
use crate::dashboard::prose::{Prose, prose};
use crate::extract::PathParam;
use crate::openapi::{Gives, Reply, Sketch};
use crate::{ApiError, ApiResult};

#[derive(Template)]
#[template(path = "errors.html")]
struct ErrorsPage {
    frame: Frame,
    rows: Vec<ErrorRow>,
}

/// A code as it is shown.
struct ErrorRow {
    code: &'static str,
    status: u16,
    title: &'static str,
    meaning: Prose,
    remedy: Prose,
}

pub(crate) async fn page() -> Page<impl Template> {
    let mut codes = ErrorCode::ALL.to_vec();
    codes.sort_by_key(|code| code.status());
    Page(ErrorsPage { frame: Frame::public(), rows: codes.into_iter().map(row).collect() })
}

fn row(code: ErrorCode) -> ErrorRow {
    ErrorRow {
        code: code.as_str(),
        status: code.status(),
        title: code.title(),
        meaning: prose(code.meaning()),
        remedy: prose(code.remedy()),
    }
}

/// A problem's type is an address, which leads to its code on the page.
pub(crate) async fn of_code(PathParam(text): PathParam) -> ApiResult<Reply<OnThePage>> {
    let known = ErrorCode::ALL.iter().find(|code| code.as_str() == text);
    let code =
        known.ok_or_else(|| ApiError::new(ErrorCode::NotFound, "no problem has this code"))?;
    Ok(Redirect::to(&format!("/docs/errors#{code}")).into_response().into())
}

/// Where a code is explained, as the document has it.
pub(crate) struct OnThePage;

impl Gives for OnThePage {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_empty(303, "Where the code is explained.");
        sketch.answers_header(303, "location", "Where the code is explained.");
    }
}
