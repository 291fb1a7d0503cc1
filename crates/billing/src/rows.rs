//! From records of jobs to rows of usage.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde::de::DeserializeOwned;
use zkpool_jobs::{PortError, keys};
use zkpool_ledger::chain::canonical_digest;
use zkpool_ports::{BlobError, BlobKey};
use zkpool_types::chain::ChainRecord;
use zkpool_types::{
    AttemptId, Correction, CorrectionId, CostKind, JobId, JobRequest, JobState, NanoUsd, Outcome,
    ProjectId, Receipt, Sha256Digest, Usage, UsageRow, Waste,
};

use crate::{BillingError, Costs};

/// Largest record that is read or written, in bytes: an outcome with many public inputs, or a batch
/// that names a million open jobs and more.
pub(crate) const RECORD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A record that counts, as a row, with the digest of its receipt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) row: UsageRow,
    pub(crate) record: ChainRecord,
    pub(crate) receipt_sha256: Sha256Digest,
}

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

    /// The row of a record, or `None` while there is none: rows are made of jobs that have ended.
    pub(crate) async fn find(
        &self,
        project: &ProjectId,
        job: JobId,
        record: ChainRecord,
    ) -> Result<Option<Found>, BillingError> {
        let Some(outcome) = self.read::<Outcome>(&keys::outcome(project, job)).await? else {
            return Ok(None);
        };
        let request = self.read::<JobRequest>(&keys::request(project, job)).await?;
        let ended = Ended { outcome, request };
        match record {
            ChainRecord::Outcome => ended.found().map(Some),
            ChainRecord::Waste(attempt) => self.find_waste(project, job, attempt, ended).await,
            ChainRecord::Correction(id) => self.find_correction(project, id, ended).await,
        }
    }

    async fn find_waste(
        &self,
        project: &ProjectId,
        job: JobId,
        attempt: AttemptId,
        ended: Ended,
    ) -> Result<Option<Found>, BillingError> {
        let waste = self.read::<Waste>(&keys::waste(project, job, attempt)).await?;
        waste.map(|waste| ended.wasted(waste)).transpose()
    }

    async fn find_correction(
        &self,
        project: &ProjectId,
        id: CorrectionId,
        ended: Ended,
    ) -> Result<Option<Found>, BillingError> {
        let correction = self.read::<Correction>(&keys::correction(project, id)).await?;
        correction.map(|correction| ended.corrected(&correction)).transpose()
    }
}

/// A job that has ended.
struct Ended {
    outcome: Outcome,
    request: Option<JobRequest>,
}

impl Ended {
    fn found(self) -> Result<Found, BillingError> {
        let kind = kind_of_end(self.outcome.state);
        let receipt_sha256 = canonical_digest(&self.outcome.receipt)?;
        let (at, receipt) = (self.outcome.finished_at, self.outcome.receipt.clone());
        let attempt = self.outcome.attempt.map(|attempt| attempt.id);
        let row = UsageRow { attempt, ..self.row(kind, at, receipt) };
        Ok(Found { row, record: ChainRecord::Outcome, receipt_sha256 })
    }

    /// An attempt that began before the one that ended the job was repeated by it; any other one
    /// did what was done already.
    fn wasted(self, waste: Waste) -> Result<Found, BillingError> {
        let Waste { attempt, recorded_at, receipt } = waste;
        let repeated = self.outcome.attempt.is_none_or(|last| attempt.number < last.number);
        let kind = if repeated { CostKind::Retry } else { CostKind::Duplicate };
        let receipt_sha256 = canonical_digest(&receipt)?;
        let row = self.row(kind, recorded_at, receipt);
        let row = UsageRow { attempt: Some(attempt.id), ..row };
        Ok(Found { row, record: ChainRecord::Waste(attempt.id), receipt_sha256 })
    }

    fn corrected(self, correction: &Correction) -> Result<Found, BillingError> {
        let receipt = self.outcome.receipt.clone();
        let row = self.row(CostKind::Correction, correction.created_at, receipt);
        let row = UsageRow {
            usage: Usage::default(),
            charge_nano_usd: correction.charge_nano_usd,
            waste_nano_usd: 0,
            metered_nano_usd: 0,
            ..row
        };
        let receipt_sha256 = canonical_digest(correction)?;
        Ok(Found { row, record: ChainRecord::Correction(correction.id), receipt_sha256 })
    }

    fn row(self, kind: CostKind, at: Timestamp, receipt: Receipt) -> UsageRow {
        let metered_nano_usd = signed(receipt.metered_nano_usd());
        let Outcome { job, project, state, failure, .. } = self.outcome;
        let (tags, price) = self.request.map(|it| (it.tags, it.price)).unwrap_or_default();
        let reservation = price.and_then(|price| price.reservation);
        let Receipt { circuit, device, price_book, usage, charge_nano_usd, waste_nano_usd, .. } =
            receipt;
        let at = whole_us(at);
        UsageRow {
            kind,
            job,
            attempt: None,
            project,
            circuit,
            state,
            failure: failure.map(|failure| failure.code),
            device,
            tags,
            price_book,
            reserved_in: reservation.map(|reservation| reservation.month),
            finished_at: at,
            billed_at: at,
            usage,
            charge_nano_usd: signed(charge_nano_usd),
            waste_nano_usd: signed(waste_nano_usd),
            metered_nano_usd,
        }
    }
}

/// What a job that ended like this counts as.
pub(crate) fn kind_of_end(state: JobState) -> CostKind {
    match state {
        JobState::Succeeded => CostKind::Proof,
        _ => CostKind::Failed,
    }
}

/// Partitions keep microseconds.
pub(crate) fn whole_us(at: Timestamp) -> Timestamp {
    let down = TimestampRound::new().smallest(Unit::Microsecond).mode(RoundMode::Floor);
    at.round(down).unwrap_or(at)
}

/// An amount that can be added to credits. No receipt comes near the bound of 9 billion dollars.
pub(crate) fn signed(amount: NanoUsd) -> i64 {
    i64::try_from(amount.get()).unwrap_or(i64::MAX)
}
