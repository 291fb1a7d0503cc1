//! Corrections: amounts put right after their receipts, as rows of their own.

use zkpool_jobs::keys;
use zkpool_jobs::records::encode;
use zkpool_ports::{BlobKey, Durability, PutOnce};
use zkpool_types::cost::REASON_BYTES_MAX;
use zkpool_types::{
    Correction, CorrectionId, KeyId, MakeCorrection, Outcome, ProjectId, Sha256Digest,
};

use crate::rows::RECORD_BYTES_MAX;
use crate::{BillingError, Costs};

impl Costs {
    /// Adds an amount to what a job was charged; below zero it is a credit. The receipt stays as it
    /// is: the correction is a row of the month in which it is made.
    ///
    /// # Errors
    /// The job has not ended, the amount is zero, or there is no reason. Where a port failed, the
    /// correction may have been made: it is in the report then.
    pub async fn correct(&self, asked: &MakeCorrection) -> Result<Correction, BillingError> {
        let id = CorrectionId::new(self.ports.ids.next());
        self.correct_as(id, asked, None).await
    }

    /// The same by a key, and once however often it is sent: repetitions of a request have the same
    /// `idempotency_key`.
    ///
    /// # Errors
    /// As [`Costs::correct`], or the key was used for another correction.
    pub async fn correct_once(
        &self,
        asked: &MakeCorrection,
        made_by: KeyId,
        idempotency_key: &str,
    ) -> Result<Correction, BillingError> {
        self.correct_as(id_of(&asked.project, idempotency_key), asked, Some(made_by)).await
    }

    async fn correct_as(
        &self,
        id: CorrectionId,
        asked: &MakeCorrection,
        made_by: Option<KeyId>,
    ) -> Result<Correction, BillingError> {
        let MakeCorrection { project, job, charge_nano_usd, reason } = asked.clone();
        if charge_nano_usd == 0 {
            return Err(BillingError::Query("expected an amount other than 0".to_owned()));
        }
        if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
            let detail = format!("expected a reason of 1 to {REASON_BYTES_MAX} bytes");
            return Err(BillingError::Query(detail));
        }
        if self.read::<Outcome>(&keys::outcome(&project, job)).await?.is_none() {
            return Err(BillingError::NotEnded(job));
        }
        let correction = Correction {
            id,
            project,
            job,
            charge_nano_usd,
            reason,
            created_at: self.ports.clock.now(),
            made_by,
        };
        self.store(correction).await
    }

    /// Nothing counts before the mark is there. A mark of what counts already is taken away by the
    /// next roll-up.
    async fn store(&self, correction: Correction) -> Result<Correction, BillingError> {
        let Correction { id, project, job, .. } = &correction;
        let key = keys::correction(project, *id);
        let mark = keys::unbilled(project, &format!("correction.{job}.{id}"));
        let put =
            self.ports.blobs.put_once(&key, encode(&key, &correction, RECORD_BYTES_MAX)?).await?;
        let stored = match put {
            PutOnce::Created => correction,
            PutOnce::AlreadyExists => self.same(&key, correction).await?,
        };
        self.ports.blobs.put(&mark, Default::default(), Durability::Durable).await?;
        tracing::warn!(
            target: "zkpool::books", project = %stored.project, job = %stored.job,
            charge_nano_usd = stored.charge_nano_usd, made_by = ?stored.made_by, "a charge was corrected"
        );
        Ok(stored)
    }

    /// The correction that is stored, if it is the same one made before.
    async fn same(&self, key: &BlobKey, asked: Correction) -> Result<Correction, BillingError> {
        let stored = self.read::<Correction>(key).await?;
        let is_same = |stored: &Correction| {
            let Correction { created_at, made_by, .. } = stored;
            *stored == Correction { created_at: *created_at, made_by: *made_by, ..asked.clone() }
        };
        stored.filter(is_same).ok_or(BillingError::CorrectionConflict(asked.id))
    }
}

/// The id of what is asked for under an idempotency key (RFC 9562, section 5.8).
fn id_of(project: &ProjectId, idempotency_key: &str) -> CorrectionId {
    let digest = Sha256Digest::of(format!("{project}\n{idempotency_key}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    CorrectionId::new(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
