//! Corrections: amounts put right after their receipts, as rows of their own.

use zkpool_jobs::keys;
use zkpool_ports::Durability;
use zkpool_types::cost::REASON_BYTES_MAX;
use zkpool_types::{Correction, CorrectionId, JobId, Outcome, ProjectId};

use crate::rollup::encode;
use crate::{BillingError, Costs};

impl Costs {
    /// Adds `charge_nano_usd` to what a job was charged; below zero it is a credit. The receipt
    /// stays as it is: the correction is a row of the month in which it is made.
    ///
    /// # Errors
    /// The job has not ended, the amount is zero, or there is no reason. Where a port failed, the
    /// correction may have been made: it is in the report then.
    pub async fn correct(
        &self,
        project: &ProjectId,
        job: JobId,
        charge_nano_usd: i64,
        reason: &str,
    ) -> Result<Correction, BillingError> {
        if charge_nano_usd == 0 {
            return Err(BillingError::Query("expected an amount other than 0".to_owned()));
        }
        if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
            let detail = format!("expected a reason of 1 to {REASON_BYTES_MAX} bytes");
            return Err(BillingError::Query(detail));
        }
        if self.read::<Outcome>(&keys::outcome(project, job)).await?.is_none() {
            return Err(BillingError::NotEnded(job));
        }
        let correction = Correction {
            id: CorrectionId::new(self.ports.ids.next()),
            project: project.clone(),
            job,
            charge_nano_usd,
            reason: reason.to_owned(),
            created_at: self.ports.clock.now(),
        };
        self.store(&correction).await?;
        Ok(correction)
    }

    /// Nothing counts before the mark is there.
    async fn store(&self, correction: &Correction) -> Result<(), BillingError> {
        let Correction { id, project, job, .. } = correction;
        let key = keys::correction(project, *id);
        self.ports.blobs.put_once(&key, encode(&key, correction)?).await?;
        let mark = keys::unbilled(project, &format!("correction.{job}.{id}"));
        Ok(self.ports.blobs.put(&mark, Default::default(), Durability::Durable).await?)
    }
}
