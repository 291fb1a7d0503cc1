//! The first page.

use askama::Template;
use axum::Extension;

use crate::dashboard::SignedIn;
use crate::dashboard::page::{Frame, Page, Section};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
}

pub(crate) async fn page(Extension(signed_in): Extension<SignedIn>) -> Page<impl Template> {
    Page(OverviewPage { frame: Frame::new(Section::Overview, &signed_in) })
}
