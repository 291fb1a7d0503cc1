//! Style, script and icon, compiled in. Their addresses change with their content, so that a
//! browser may keep them for good.

use axum::http::header;
use axum::response::IntoResponse;
use zkpool_types::Sha256Digest;

use crate::extract::PathParam;
use crate::openapi::{Gives, Reply, Sketch};
use crate::{ApiError, ApiResult};

struct Asset {
    file: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset {
        file: "style.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("assets/style.css"),
    },
    Asset {
        file: "theme.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("assets/theme.js"),
    },
    Asset {
        file: "icon.svg",
        media_type: "image/svg+xml",
        content: include_str!("assets/icon.svg"),
    },
];

/// A year, which stands for good.
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// Where pages find an asset.
pub(crate) fn address(file: &str) -> String {
    let content = find(file).map_or("", |asset| asset.content);
    format!("/assets/{file}?v={}", Sha256Digest::of(content.as_bytes()).short())
}

fn find(file: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.file == file)
}

pub(crate) async fn serve(PathParam(file): PathParam) -> ApiResult<Reply<Content>> {
    let asset = find(&file).ok_or_else(|| ApiError::not_found("asset"))?;
    let headers =
        [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, CACHE_CONTROL)];
    Ok((headers, asset.content).into_response().into())
}

/// An asset as the document has it.
pub(crate) struct Content;

impl Gives for Content {
    fn gives(sketch: &mut Sketch) {
        for Asset { media_type, .. } in &ASSETS {
            sketch.answers_text(200, "", media_type);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_asset_names_another_host() {
        for Asset { file, content, .. } in &ASSETS {
            let content = content.replace("http://www.w3.org/2000/svg", "");
            assert!(!content.contains("://") && !content.contains("url(//"), "{file}");
        }
    }
}
