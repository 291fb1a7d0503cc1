//! What became of a submission, for whoever set something aside for it.

use zkpool_types::{IdempotencyRecord, JobId, JobRequest, Outcome, ProjectId, Sha256Digest};

use crate::records::RECORD_BYTES_MAX;
use crate::{Jobs, PortError, keys};

impl Jobs {
    /// The job that an idempotency key of this digest became, and how it ended; none where it
    /// became none (yet).
    ///
    /// # Errors
    /// A port failed.
    pub async fn fate(
        &self,
        project: &ProjectId,
        submission: &Sha256Digest,
    ) -> Result<Option<(JobRequest, Option<Outcome>)>, PortError> {
        let key = keys::idempotency_of(project, submission);
        let record = self.records.read::<IdempotencyRecord>(&key, RECORD_BYTES_MAX).await?;
        match record {
            Some(record) => self.record(project, record.job).await,
            None => Ok(None),
        }
    }

    /// What was asked for in a job, and how it ended; none where there is no such job.
    ///
    /// # Errors
    /// A port failed.
    pub async fn record(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<Option<(JobRequest, Option<Outcome>)>, PortError> {
        let key = keys::request(project, job);
        let request: Option<JobRequest> = self.records.read(&key, RECORD_BYTES_MAX).await?;
        match request {
            Some(request) => Ok(Some((request, self.outcome(project, job).await?))),
            None => Ok(None),
        }
    }
}
