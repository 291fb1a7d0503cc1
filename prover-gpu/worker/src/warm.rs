//! A warm start: which keys to make ready before the first claim.
//!
//! A claimed job is hidden from other workers while its key is fetched, checked and prepared, and
//! its kernels are compiled. A worker that starts looks at the records instead for the circuits
//! that are asked for, and claims once it can prove them.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use zkpool_jobs::keys;
use zkpool_ports::{BlobError, BlobKey, BlobStore};
use zkpool_types::{JobId, JobRequest, ProjectId, SweepMark};

/// Projects that are looked at.
const PROJECTS_MAX: usize = 20;

/// Jobs of each project that are looked at: those that the sweep has not passed, oldest first.
const JOBS_MAX: usize = 20;

/// Circuits that are made ready. More would keep a worker from its first claim for longer than
/// what they save.
const CIRCUITS_MAX: usize = 4;

/// Largest record that is read, in bytes. The largest sweep mark is far below.
const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A request of each circuit that is asked for, those of the jobs that come next first.
///
/// # Errors
/// Storage does not answer.
pub(crate) async fn circuits_asked_for(
    blobs: &dyn BlobStore,
) -> Result<Vec<JobRequest>, BlobError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for name in blobs.list_children(keys::JOB_PROJECTS, None, PROJECTS_MAX).await? {
        let Ok(project) = name.parse() else { continue };
        for job in next_jobs(blobs, &project).await? {
            let request: Option<JobRequest> = read(blobs, &keys::request(&project, job)).await?;
            let Some(request) = request else { continue };
            if seen.insert((request.project.clone(), request.circuit.clone())) {
                found.push(request);
            }
            if found.len() == CIRCUITS_MAX {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// Jobs behind the sweep mark and the last one below it, which is what remains of an idle project.
async fn next_jobs(blobs: &dyn BlobStore, project: &ProjectId) -> Result<Vec<JobId>, BlobError> {
    let mark: Option<SweepMark> = read(blobs, &keys::sweep_mark(project)).await?;
    let last = mark.and_then(|mark| mark.watermark);
    let after = last.map(|job| job.to_string());
    let names = blobs.list_children(&keys::jobs(project), after.as_deref(), JOBS_MAX).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).chain(last).collect())
}

/// The record, or `None` where there is none that can be read.
async fn read<T: DeserializeOwned>(
    blobs: &dyn BlobStore,
    key: &BlobKey,
) -> Result<Option<T>, BlobError> {
    match blobs.get(key, RECORD_BYTES_MAX).await {
        Ok(body) => Ok(serde_json::from_slice(&body).ok()),
        Err(BlobError::NotFound(_) | BlobError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
