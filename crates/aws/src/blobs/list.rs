//! Listing keys and the segments below a prefix.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use zkpool_ports::{BlobError, BlobKey};

use super::{S3Blobs, storage};
use crate::ServiceError;
use crate::settings::LIST_PAGE;

/// What S3 is asked for.
struct Listing<'a> {
    prefix: &'a str,
    /// List what sorts after this.
    after: Option<String>,
    /// Whether keys that go on behind the next slash are told as one.
    by_segment: bool,
    limit: usize,
}

impl S3Blobs {
    pub(super) async fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BlobKey>, BlobError> {
        let after = after.map(str::to_owned);
        let listing = Listing { prefix, after, by_segment: false, limit };
        self.collect(&listing, |page| {
            // A key that this crate would not write is not this crate's.
            page.contents().iter().filter_map(|o| BlobKey::new(o.key()?).ok()).collect()
        })
        .await
    }

    pub(super) async fn children(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, BlobError> {
        // In ASCII, 0 follows the slash: every key below the child sorts before this.
        let after = after.map(|child| format!("{prefix}{child}0"));
        let listing = Listing { prefix, after, by_segment: true, limit };
        let child = |full: &str| full.strip_prefix(prefix)?.strip_suffix('/').map(str::to_owned);
        self.collect(&listing, |page| {
            page.common_prefixes().iter().filter_map(|common| child(common.prefix()?)).collect()
        })
        .await
    }

    /// Turns pages until there are enough items or no more pages.
    async fn collect<T>(
        &self,
        listing: &Listing<'_>,
        items: impl Fn(&ListObjectsV2Output) -> Vec<T>,
    ) -> Result<Vec<T>, BlobError> {
        let mut found = Vec::new();
        let mut next = None;
        while found.len() < listing.limit {
            let page = self.page(listing, found.len(), next).await?;
            found.extend(items(&page));
            next = page.next_continuation_token;
            if next.is_none() {
                break;
            }
        }
        found.truncate(listing.limit);
        Ok(found)
    }

    async fn page(
        &self,
        listing: &Listing<'_>,
        found: usize,
        continuation: Option<String>,
    ) -> Result<ListObjectsV2Output, BlobError> {
        let rows = LIST_PAGE.min(listing.limit - found);
        let call = self
            .client
            .list_objects_v2()
            .bucket(&*self.bucket)
            .prefix(listing.prefix)
            .set_start_after(listing.after.clone().filter(|after| !after.is_empty()))
            .set_delimiter(listing.by_segment.then(|| "/".to_owned()))
            .set_continuation_token(continuation)
            .max_keys(i32::try_from(rows).unwrap_or(i32::MAX));
        let page = call.send().await.map_err(|error| ServiceError::of("ListObjectsV2", error));
        page.map_err(|error| storage(listing.prefix, error))
    }
}
