//! A warm start: which keys to make ready before the first claim.
//!
//! A claimed job is hidden from other workers while its key is fetched, checked and prepared, and
//! its kernels are compiled. A worker that starts looks at the records instead for the circuits
//! that are asked for, and claims once it can prove them.

use std::collections::HashSet;

use zkpool_jobs::unswept::read_readable;
use zkpool_jobs::{Unswept, keys, unswept};
use zkpool_ports::{BlobError, BlobStore};
use zkpool_types::JobRequest;

/// Projects that are looked at.
const PROJECTS_MAX: usize = 20;

/// Jobs of each project that are looked at: those that the sweep has not passed, oldest first.
const JOBS_MAX: usize = 20;

/// Circuits that are made ready. More would keep a worker from its first claim for longer than
/// what they save.
const CIRCUITS_MAX: usize = 4;

/// Largest request that is read, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;

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
        let Unswept { last_swept, behind } = unswept(blobs, &project, JOBS_MAX).await?;
        for job in behind.into_iter().chain(last_swept) {
            let key = keys::request(&project, job);
            let request: Option<JobRequest> = read_readable(blobs, &key, REQUEST_BYTES_MAX).await?;
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
