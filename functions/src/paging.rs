//! The query parameters that every list has.

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_types::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};

use crate::{ApiError, ApiResult};

/// `?after=&limit=`, for lists without filters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Only after the last page, whose `next` this is.
    after: Option<String>,
    /// Rows of this page, 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl PageQuery {
    /// Where the last page ended.
    pub(crate) fn after<T: FromStr<Err: Display>>(&self) -> ApiResult<Option<T>> {
        cursor(self.after.as_deref())
    }

    /// Rows of this page.
    pub(crate) fn limit(&self) -> ApiResult<usize> {
        rows(self.limit)
    }
}

/// Reads the cursor that the last page gave as `next`.
pub(crate) fn cursor<T: FromStr<Err: Display>>(after: Option<&str>) -> ApiResult<Option<T>> {
    let parse = |text: &str| {
        text.parse().map_err(|error| ApiError::invalid_request(format!("at after: {error}")))
    };
    after.map(parse).transpose()
}

/// The rows of a page: as many as asked for, between 1 and the limit.
pub(crate) fn rows(limit: Option<usize>) -> ApiResult<usize> {
    match limit {
        None => Ok(PAGE_ROWS_DEFAULT),
        Some(limit) if (1..=PAGE_ROWS_MAX).contains(&limit) => Ok(limit),
        Some(found) => Err(ApiError::invalid_request(format!(
            "at limit: expected 1 to {PAGE_ROWS_MAX}, found {found}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_rows_or_with_too_many_is_rejected() {
        assert_eq!(rows(None).unwrap(), PAGE_ROWS_DEFAULT);
        assert_eq!(rows(Some(PAGE_ROWS_MAX)).unwrap(), PAGE_ROWS_MAX);
        assert!(rows(Some(0)).is_err());
        assert!(rows(Some(PAGE_ROWS_MAX + 1)).is_err());
    }
}
