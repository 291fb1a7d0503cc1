//! The batches of a project.

use std::collections::BTreeSet;

use jiff::Timestamp;
use zkpool_jobs::records::encode;
use zkpool_jobs::{PortError, keys};
use zkpool_ports::{Durability, PutOnce};
use zkpool_types::chain::{Batch, BatchHint};
use zkpool_types::{Defect, JobId, ProjectId};

use crate::rows::RECORD_BYTES_MAX;
use crate::{BillingError, Costs};

/// The latest batch of a project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// None before the first roll-up.
    pub(crate) latest: Option<Batch>,
    /// Whether the partitions of the latest batch are known to be written. Those of every batch
    /// before it are.
    pub(crate) complete: bool,
}

impl Log {
    pub(crate) fn number(&self) -> u64 {
        self.latest.as_ref().map_or(0, |batch| batch.number)
    }

    /// Jobs that are known to be open.
    pub(crate) fn open(&self) -> BTreeSet<JobId> {
        self.latest.as_ref().map(|batch| batch.mark.open.clone()).unwrap_or_default()
    }
}

impl Costs {
    pub(crate) async fn batch(
        &self,
        project: &ProjectId,
        number: u64,
    ) -> Result<Option<Batch>, PortError> {
        self.read(&keys::batch(project, number)).await
    }

    /// The latest batch. A hint says where to begin; the batches themselves are the truth.
    pub(crate) async fn log(&self, project: &ProjectId) -> Result<Log, BillingError> {
        let hint = self.read::<BatchHint>(&keys::batch_hint(project)).await;
        // A hint that does not read back is as good as none.
        let hint = hint.ok().flatten().unwrap_or_default();
        let mut log =
            Log { latest: self.batch(project, hint.number).await?, complete: hint.complete };
        while let Some(batch) = self.batch(project, log.number().saturating_add(1)).await? {
            log = Log { latest: Some(batch), complete: false };
        }
        Ok(log)
    }

    /// Writes a batch. `false` where another roll-up has written one of its number.
    pub(crate) async fn commit(&self, batch: &Batch) -> Result<bool, BillingError> {
        let key = keys::batch(&batch.project, batch.number);
        let body = encode(&key, batch, RECORD_BYTES_MAX)?;
        if Defect::RollsUpTogether.is_planted() {
            self.ports.blobs.put(&key, body, Durability::Durable).await?;
            return Ok(true);
        }
        Ok(self.ports.blobs.put_once(&key, body).await? == PutOnce::Created)
    }

    pub(crate) async fn hint(&self, batch: &Batch) -> Result<(), BillingError> {
        let hint = BatchHint { number: batch.number, complete: true };
        let key = keys::batch_hint(&batch.project);
        let body = encode(&key, &hint, RECORD_BYTES_MAX)?;
        Ok(self.ports.blobs.put(&key, body, Durability::Cached).await?)
    }

    /// The number of the first batch that was made at `at` or later, by halves: batches are made
    /// one after the other.
    pub(crate) async fn first_batch_at(
        &self,
        project: &ProjectId,
        latest: u64,
        at: Timestamp,
    ) -> Result<u64, BillingError> {
        let (mut low, mut high) = (1, latest.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let batch = self.batch(project, middle).await?;
            if batch.is_some_and(|batch| batch.rolled_up_at < at) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use zkpool_ports::BlobKey;

    use super::*;

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let key = BlobKey::new("costs/acme/batches/1").unwrap();
        let encode = |record: &String| encode(&key, record, RECORD_BYTES_MAX);
        let record = |bytes: u64| "x".repeat(usize::try_from(bytes).unwrap() - 2);
        assert_eq!(encode(&record(RECORD_BYTES_MAX)).unwrap().len() as u64, RECORD_BYTES_MAX);
        let error = encode(&record(RECORD_BYTES_MAX + 1)).unwrap_err();
        assert!(matches!(error, PortError::RecordTooLarge { .. }), "{error}");
    }
}
