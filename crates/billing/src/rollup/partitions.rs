//! Partitions of batches.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use zkpool_jobs::keys;
use zkpool_types::chain::{Batch, ChainLink};
use zkpool_types::{ProjectId, UsageRow};

use crate::{BillingError, Costs, partition};

/// Records read at once.
const READS_MAX: usize = 32;

impl Costs {
    /// The rows of a batch, made again from the records it names.
    pub(crate) async fn rows_of(&self, batch: &Batch) -> Result<Vec<UsageRow>, BillingError> {
        let mut rows = Vec::with_capacity(batch.links.len());
        for links in batch.links.chunks(READS_MAX) {
            let made: Vec<_> = links.iter().map(|link| self.row_of(&batch.project, link)).collect();
            rows.extend(try_join_all(made).await?);
        }
        Ok(rows)
    }

    async fn row_of(
        &self,
        project: &ProjectId,
        link: &ChainLink,
    ) -> Result<UsageRow, BillingError> {
        let found = self.find(project, link.job, link.record).await?;
        let row = found.ok_or(BillingError::Lost { job: link.job, seq: link.seq })?.row;
        Ok(UsageRow { kind: link.kind, billed_at: link.billed_at, ..row })
    }

    /// Writes the partitions of the latest batch.
    pub(crate) async fn write_partitions(
        &self,
        batch: &Batch,
        rows: Vec<UsageRow>,
    ) -> Result<(), BillingError> {
        self.put_partitions(batch, rows).await?;
        self.hint(batch).await
    }

    /// Writes those partitions of a batch that are not there.
    pub(crate) async fn put_partitions(
        &self,
        batch: &Batch,
        rows: Vec<UsageRow>,
    ) -> Result<(), BillingError> {
        let mut hours: BTreeMap<(Date, i8), Vec<UsageRow>> = BTreeMap::new();
        for row in rows {
            let at = TimeZone::UTC.to_datetime(row.billed_at);
            hours.entry((at.date(), at.hour())).or_default().push(row);
        }
        for ((day, hour), rows) in hours {
            let key = keys::partition(&batch.project, day, hour, batch.number);
            self.ports.blobs.put_once(&key, partition::write(&rows)?.into()).await?;
        }
        Ok(())
    }
}
