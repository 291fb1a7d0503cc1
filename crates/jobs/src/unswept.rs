//! The jobs around a project's sweep mark: what comes next, and what came last.

use serde::de::DeserializeOwned;
use zkpool_ports::{BlobError, BlobKey, BlobStore};
use zkpool_types::{JobId, ProjectId, SweepMark};

use crate::keys;

/// Largest sweep mark that is read, in bytes: far above one with every job enqueued again.
const MARK_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Jobs around the sweep mark of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unswept {
    /// The last job below the mark, which is what remains of an idle project. It has ended.
    pub last_swept: Option<JobId>,
    /// The jobs behind the mark, oldest first: those that are open, and those that are younger than
    /// [`ID_DISORDER_S`](zkpool_types::limits::ID_DISORDER_S).
    pub behind: Vec<JobId>,
}

/// The jobs around the sweep mark of a project, at most `max` of them behind it. A mark that does
/// not read back counts as none.
///
/// # Errors
/// Storage does not answer.
pub async fn unswept(
    blobs: &dyn BlobStore,
    project: &ProjectId,
    max: usize,
) -> Result<Unswept, BlobError> {
    let mark = keys::sweep_mark(project);
    let mark: Option<SweepMark> = read_readable(blobs, &mark, MARK_BYTES_MAX).await?;
    let last_swept = mark.and_then(|mark| mark.watermark);
    let after = last_swept.map(|job| job.to_string());
    let names = blobs.list_children(&keys::jobs(project), after.as_deref(), max).await?;
    let behind = names.iter().filter_map(|name| name.parse().ok()).collect();
    Ok(Unswept { last_swept, behind })
}

/// The record, or `None` where there is none that can be read: for those who look over many
/// records, whom one odd one must not stop.
///
/// # Errors
/// Storage does not answer.
pub async fn read_readable<T: DeserializeOwned>(
    blobs: &dyn BlobStore,
    key: &BlobKey,
    size_max: u64,
) -> Result<Option<T>, BlobError> {
    match blobs.get(key, size_max).await {
        Ok(body) => Ok(serde_json::from_slice(&body).ok()),
        Err(BlobError::NotFound(_) | BlobError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
