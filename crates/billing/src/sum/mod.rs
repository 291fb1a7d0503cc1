//! Adding up rows of usage: partitions, and what is not rolled up yet.

mod lost;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bytes::Bytes;
use futures_util::future::try_join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use zkpool_jobs::keys;
use zkpool_ledger::costs::day_of;
use zkpool_ports::BlobKey;
use zkpool_types::chain::{Batch, ChainLink};
use zkpool_types::{JobId, ProjectId, UsageRow};

use crate::rollup::{Log, Standing};
use crate::{BillingError, Costs, partition};

/// Partitions read from one page of a listing.
const PAGE_PARTITIONS: usize = 1000;

/// Partitions in memory at once.
const READS_MAX: usize = 8;

/// Times that rows are read before that is given up: a roll-up writes a few batches an hour.
const READ_TRIES: usize = 5;

/// Largest partition, in bytes: the rows of one batch.
const PARTITION_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What rows of usage are added up to.
pub(crate) trait Sum: Send {
    /// Adds every row of a partition of `day`, column by column, and returns how many it has. `None`
    /// where an earlier version wrote it without a column that is needed here: its rows are then made
    /// again and added one by one, so that nothing of it may have been added.
    fn add_partition(&mut self, file: Bytes, day: Date) -> Result<Option<usize>, BillingError>;

    /// Adds a row.
    fn add_row(&mut self, row: &UsageRow) -> Result<(), BillingError>;
}

/// Every row of some days, added up.
#[derive(Debug)]
pub(crate) struct Summed<S> {
    pub(crate) sum: S,
    /// The latest closed month.
    pub(crate) closed_through: Option<String>,
    /// Jobs of the project that had not ended when their rows were looked for.
    pub(crate) open: BTreeSet<JobId>,
}

/// A partition by its name.
#[derive(Clone, Debug)]
struct Partition {
    key: BlobKey,
    day: Date,
    hour: i8,
    batch: u64,
}

impl Partition {
    fn of(key: BlobKey, prefix: &str) -> Option<Self> {
        let mut parts = key.as_str().strip_prefix(prefix)?.split('/');
        let day = parts.next()?.strip_prefix("dt=")?.parse().ok()?;
        let hour = parts.next()?.strip_prefix("hour=")?.parse().ok()?;
        let batch = parts.next()?.strip_suffix(".parquet")?.parse().ok()?;
        Some(Self { key, day, hour, batch })
    }

    fn has(&self, link: &ChainLink) -> bool {
        let at = TimeZone::UTC.to_datetime(link.billed_at);
        (at.date(), at.hour()) == (self.day, self.hour)
    }
}

impl Costs {
    /// Adds up every row that counts on one of these days, the last moment's included. Memory grows
    /// with the sum and not with the number of rows.
    ///
    /// A roll-up that writes a batch meanwhile deletes marks that were still to be seen: then
    /// everything is read again.
    pub(crate) async fn sum<S: Sum>(
        &self,
        project: &ProjectId,
        days: &RangeInclusive<Date>,
        empty: impl Fn() -> S + Send,
    ) -> Result<Summed<S>, BillingError> {
        for _ in 0..READ_TRIES {
            let before = self.log(project).await?.number();
            let summed = self.sum_once(project, days, empty()).await?;
            if self.log(project).await?.number() == before {
                return Ok(summed);
            }
        }
        Err(BillingError::Disturbed)
    }

    async fn sum_once<S: Sum>(
        &self,
        project: &ProjectId,
        days: &RangeInclusive<Date>,
        mut sum: S,
    ) -> Result<Summed<S>, BillingError> {
        let log = self.log(project).await?;
        self.add_rolled_up(project, days, &log, &mut sum).await?;
        if let (Some(batch), false) = (&log.latest, log.complete) {
            add_rows(self.rows_of(batch).await?, days, &mut sum)?;
        }
        let (mut standing, mut open) = (Standing::of(&log), BTreeSet::new());
        loop {
            let pending = self.pending(project, &mut standing).await?;
            let more = pending.more;
            open.extend(pending.open);
            // One that was open before may have ended in between.
            pending.found.iter().for_each(|found| _ = open.remove(&found.row.job));
            add_rows(pending.found.into_iter().map(|found| found.row), days, &mut sum)?;
            if !more {
                let closed_through = log.latest.and_then(|batch| batch.closed_through);
                return Ok(Summed { sum, closed_through, open });
            }
        }
    }

    /// Adds the rows of every batch whose partitions are known to be written.
    async fn add_rolled_up(
        &self,
        project: &ProjectId,
        days: &RangeInclusive<Date>,
        log: &Log,
        sum: &mut impl Sum,
    ) -> Result<(), BillingError> {
        let written = match &log.latest {
            Some(latest) if !log.complete => self.batch(project, latest.number - 1).await?,
            latest => latest.clone(),
        };
        let Some(written) = written else { return Ok(()) };
        let seen = self.add_partitions(project, days, written.number, sum).await?;
        self.add_lost(&written, days, seen, sum).await
    }

    /// Adds every partition of the batches up to `last`: later ones may have been added since.
    /// Returns how many rows each day has in them.
    async fn add_partitions(
        &self,
        project: &ProjectId,
        days: &RangeInclusive<Date>,
        last: u64,
        sum: &mut impl Sum,
    ) -> Result<BTreeMap<Date, u64>, BillingError> {
        let mut seen = BTreeMap::new();
        let prefix = keys::partitions(project);
        let mut after = Some(format!("{prefix}dt={}", days.start()));
        loop {
            let page = self.ports.blobs.list(&prefix, after.as_deref(), PAGE_PARTITIONS).await?;
            after = page.last().map(ToString::to_string);
            let full = page.len() >= PAGE_PARTITIONS;
            let named: Vec<_> =
                page.into_iter().filter_map(|key| Partition::of(key, &prefix)).collect();
            let beyond = named.last().is_some_and(|partition| partition.day > *days.end());
            let wanted = |it: &Partition| it.batch <= last && it.day <= *days.end();
            let wanted = named.into_iter().filter(wanted).collect();
            self.add_files(project, wanted, &mut seen, sum).await?;
            if !full || beyond {
                return Ok(seen);
            }
        }
    }

    async fn add_files(
        &self,
        project: &ProjectId,
        partitions: Vec<Partition>,
        seen: &mut BTreeMap<Date, u64>,
        sum: &mut impl Sum,
    ) -> Result<(), BillingError> {
        for partitions in partitions.chunks(READS_MAX) {
            let read: Vec<_> = partitions
                .iter()
                .map(|partition| self.ports.blobs.get(&partition.key, PARTITION_BYTES_MAX))
                .collect();
            for (file, partition) in try_join_all(read).await?.into_iter().zip(partitions) {
                let rows = match sum.add_partition(file.clone(), partition.day)? {
                    Some(rows) => rows,
                    None => self.add_again(project, partition, file, sum).await?,
                };
                *seen.entry(partition.day).or_default() += rows as u64;
            }
        }
        Ok(())
    }

    /// Adds the rows of a partition of an earlier version, made again from the records of its batch.
    /// Where these were kept no longer, rows are what that version knew of them. Returns how many.
    async fn add_again(
        &self,
        project: &ProjectId,
        partition: &Partition,
        file: Bytes,
        sum: &mut impl Sum,
    ) -> Result<usize, BillingError> {
        let Some(batch) = self.batch(project, partition.batch).await? else { return Ok(0) };
        let links = batch.links.iter().filter(|link| partition.has(link)).cloned().collect();
        let rows = match self.rows_of(&Batch { links, ..batch }).await {
            Err(BillingError::Lost { .. }) => partition::read(file)?.rows,
            made => made?,
        };
        rows.iter().try_for_each(|row| sum.add_row(row))?;
        Ok(rows.len())
    }
}

fn add_rows(
    rows: impl IntoIterator<Item = UsageRow>,
    days: &RangeInclusive<Date>,
    sum: &mut impl Sum,
) -> Result<(), BillingError> {
    let counts = |row: &UsageRow| days.contains(&day_of(row.billed_at));
    rows.into_iter().filter(counts).try_for_each(|row| sum.add_row(&row))
}
