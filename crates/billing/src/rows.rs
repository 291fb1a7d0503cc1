//! From records of jobs to rows of usage.

use serde::de::DeserializeOwned;
use zkpool_jobs::{PortError, keys};
use zkpool_ports::{BlobError, BlobKey};
use zkpool_types::{
    CostKind, JobId, JobRequest, JobState, NanoUsd, Outcome, ProjectId, Receipt, UsageRow,
};

use crate::{BillingError, Costs};

/// Largest record that is read, in bytes: an outcome with many public inputs.
const RECORD_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl Costs {
    /// The record, or `None` where there is none.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        key: &BlobKey,
    ) -> Result<Option<T>, PortError> {
        let body = match self.ports.blobs.get(key, RECORD_BYTES_MAX).await {
            Ok(body) => body,
            Err(BlobError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let record = serde_json::from_slice(&body);
        record.map(Some).map_err(|source| PortError::Corrupt { key: key.clone(), source })
    }

    /// The row of an ended job, or `None` while it is open.
    pub(crate) async fn row_of(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<Option<UsageRow>, BillingError> {
        let Some(outcome) = self.read::<Outcome>(&keys::outcome(project, job)).await? else {
            return Ok(None);
        };
        let request = self.read::<JobRequest>(&keys::request(project, job)).await?;
        let kind = match outcome.state {
            JobState::Succeeded => CostKind::Proof,
            _ => CostKind::Failed,
        };
        let tags = request.map(|request| request.tags).unwrap_or_default();
        let Outcome { attempt, state, finished_at, receipt, .. } = outcome;
        let Receipt { circuit, device, price_book, usage, charge_nano_usd, waste_nano_usd, .. } =
            receipt;
        Ok(Some(UsageRow {
            kind,
            job,
            attempt: attempt.map(|attempt| attempt.id),
            project: project.clone(),
            circuit,
            state,
            device,
            tags,
            price_book,
            finished_at,
            billed_at: finished_at,
            usage,
            charge_nano_usd: signed(charge_nano_usd),
            waste_nano_usd: signed(waste_nano_usd),
        }))
    }
}

/// An amount that can be added to credits. No receipt comes near the bound of 9 billion dollars.
fn signed(amount: NanoUsd) -> i64 {
    i64::try_from(amount.get()).unwrap_or(i64::MAX)
}
