//! Receipts and where they are in their chain.

use jiff::SignedDuration;
use zkpool_jobs::keys;
use zkpool_types::chain::{ChainLink, ChainPage, ChainRecord, ReceiptView};
use zkpool_types::{JobId, Outcome, ProjectId, Timestamp};

use crate::{BillingError, Costs};

/// Links on one page of a chain.
pub const CHAIN_PAGE_MAX: usize = 1000;

/// How far the clocks of the machines may be apart.
const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_hours(1);

impl Costs {
    /// The receipt of a job that has ended, with its link once it is rolled up.
    ///
    /// # Errors
    /// The job has not ended or there is none, or a port failed.
    pub async fn receipt(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<ReceiptView, BillingError> {
        let outcome: Option<Outcome> = self.read(&keys::outcome(project, job)).await?;
        let outcome = outcome.ok_or(BillingError::NotEnded(job))?;
        let link = self.link(project, job, outcome.finished_at).await?;
        Ok(ReceiptView { receipt: outcome.receipt, link })
    }

    async fn link(
        &self,
        project: &ProjectId,
        job: JobId,
        ended: Timestamp,
    ) -> Result<Option<ChainLink>, BillingError> {
        let latest = self.log(project).await?.number();
        let since = ended.checked_sub(CLOCK_SKEW_MAX).unwrap_or(Timestamp::MIN);
        let first = self.first_batch_at(project, latest, since).await?;
        for number in first..=latest {
            let Some(batch) = self.batch(project, number).await? else { break };
            let is_it = |link: &ChainLink| link.job == job && link.record == ChainRecord::Outcome;
            if let Some(link) = batch.links.into_iter().find(is_it) {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// Links of a project's chain after number `after`, at most [`CHAIN_PAGE_MAX`] of them.
    ///
    /// # Errors
    /// A port failed.
    pub async fn chain(&self, project: &ProjectId, after: u64) -> Result<ChainPage, BillingError> {
        let latest = self.log(project).await?.number();
        let mut links = Vec::new();
        for number in self.batch_after(project, latest, after).await?..=latest {
            let Some(batch) = self.batch(project, number).await? else { break };
            links.extend(batch.links.into_iter().filter(|link| link.seq > after));
            if links.len() > CHAIN_PAGE_MAX {
                links.truncate(CHAIN_PAGE_MAX);
                let next = links.last().map(|link| link.seq);
                return Ok(ChainPage { links, next });
            }
        }
        Ok(ChainPage { links, next: None })
    }

    /// The number of the first batch that ends behind link `after`, by halves.
    async fn batch_after(
        &self,
        project: &ProjectId,
        latest: u64,
        after: u64,
    ) -> Result<u64, BillingError> {
        let (mut low, mut high) = (1, latest.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let batch = self.batch(project, middle).await?;
            if batch.is_some_and(|batch| batch.head.length <= after) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
