//! Cost reports: partitions, and what is not rolled up yet.

use futures_util::future::try_join_all;
use jiff::civil::Date;
use zkpool_jobs::keys;
use zkpool_ledger::costs::{Groups, day_of};
use zkpool_ports::BlobKey;
use zkpool_types::cost::{DIMENSIONS_MAX, REPORT_DAYS_MAX};
use zkpool_types::{CostQuery, CostReport, Dimension, ProjectId, UsageRow};

use crate::rollup::{Log, Standing};
use crate::{BillingError, Costs, partition};

/// Partitions read from one page of a listing.
const PAGE_PARTITIONS: usize = 1000;

/// Partitions in memory at once.
const READS_MAX: usize = 8;

/// Times that a report is read before it is given up: a roll-up writes a few batches an hour.
const READ_TRIES: usize = 5;

/// Largest partition, in bytes: the rows of one batch.
const PARTITION_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl Costs {
    /// The costs of a project in the groups that were asked for. Rows sum exactly to receipts,
    /// those of the last moment included. Memory does not grow with the number of receipts.
    ///
    /// # Errors
    /// The query is out of range, has too many groups, or a port failed.
    pub async fn report(
        &self,
        project: &ProjectId,
        query: &CostQuery,
    ) -> Result<CostReport, BillingError> {
        self.grouped(project, query, &query.group_by).await
    }

    /// A report over the days of `query`, grouped by `by`.
    pub(crate) async fn grouped(
        &self,
        project: &ProjectId,
        query: &CostQuery,
        by: &[Dimension],
    ) -> Result<CostReport, BillingError> {
        check(query)?;
        let (groups, closed_through) = self.collect_undisturbed(project, query, by).await?;
        let (rows, total) = groups.finish()?;
        Ok(CostReport {
            project: project.clone(),
            from: query.from,
            to: query.to,
            group_by: by.to_vec(),
            currency: "USD".to_owned(),
            closed_through,
            rows,
            total_nano_usd: total.charge_nano_usd,
            total,
        })
    }

    /// Groups every row that the query asks for. A roll-up that writes a batch meanwhile deletes
    /// marks that were still to be seen: then everything is read again.
    async fn collect_undisturbed(
        &self,
        project: &ProjectId,
        query: &CostQuery,
        by: &[Dimension],
    ) -> Result<(Groups, Option<String>), BillingError> {
        for _ in 0..READ_TRIES {
            let before = self.log(project).await?.number();
            let mut groups = Groups::new(by);
            let closed_through = self.collect(project, query, by, &mut groups).await?;
            if self.log(project).await?.number() == before {
                return Ok((groups, closed_through));
            }
        }
        Err(BillingError::Disturbed)
    }

    /// Groups every row that the query asks for. Returns the latest closed month.
    async fn collect(
        &self,
        project: &ProjectId,
        query: &CostQuery,
        by: &[Dimension],
        groups: &mut Groups,
    ) -> Result<Option<String>, BillingError> {
        let log = self.log(project).await?;
        self.add_partitions(project, query, by, &log, groups).await?;
        if let (Some(batch), false) = (&log.latest, log.complete) {
            add_rows(self.rows_of(batch).await?, query, groups)?;
        }
        let mut standing = Standing::of(&log);
        loop {
            let pending = self.pending(project, &mut standing).await?;
            let more = pending.more;
            add_rows(pending.found.into_iter().map(|found| found.row), query, groups)?;
            if !more {
                return Ok(log.latest.and_then(|batch| batch.closed_through));
            }
        }
    }

    async fn add_partitions(
        &self,
        project: &ProjectId,
        query: &CostQuery,
        by: &[Dimension],
        log: &Log,
        groups: &mut Groups,
    ) -> Result<(), BillingError> {
        // Later ones may have been added since, and the latest may be half written.
        let last = if log.complete { log.number() } else { log.number().saturating_sub(1) };
        let prefix = keys::partitions(project);
        let mut after = Some(format!("{prefix}dt={}", query.from));
        loop {
            let page = self.ports.blobs.list(&prefix, after.as_deref(), PAGE_PARTITIONS).await?;
            let named: Vec<_> = page.iter().filter_map(|key| name(key, &prefix)).collect();
            let wanted =
                named.iter().filter(|(_, day, number)| *number <= last && *day <= query.to);
            self.add_files(project, by, wanted.copied().collect(), groups).await?;
            let beyond = named.last().is_some_and(|(_, day, _)| *day > query.to);
            after = page.last().map(ToString::to_string);
            if page.len() < PAGE_PARTITIONS || beyond {
                return Ok(());
            }
        }
    }

    async fn add_files(
        &self,
        project: &ProjectId,
        by: &[Dimension],
        files: Vec<(&BlobKey, Date, u64)>,
        groups: &mut Groups,
    ) -> Result<(), BillingError> {
        for files in files.chunks(READS_MAX) {
            let read: Vec<_> = files
                .iter()
                .map(|(key, ..)| self.ports.blobs.get(key, PARTITION_BYTES_MAX))
                .collect();
            for (file, (_, day, _)) in try_join_all(read).await?.into_iter().zip(files) {
                partition::add(file, project, *day, by, groups)?;
            }
        }
        Ok(())
    }
}

/// Day and batch of a partition.
fn name<'a>(key: &'a BlobKey, prefix: &str) -> Option<(&'a BlobKey, Date, u64)> {
    let mut parts = key.as_str().strip_prefix(prefix)?.split('/');
    let day = parts.next()?.strip_prefix("dt=")?.parse().ok()?;
    let number = parts.nth(1)?.strip_suffix(".parquet")?.parse().ok()?;
    Some((key, day, number))
}

fn add_rows(
    rows: impl IntoIterator<Item = UsageRow>,
    query: &CostQuery,
    groups: &mut Groups,
) -> Result<(), BillingError> {
    let days = query.from..=query.to;
    for row in rows {
        if days.contains(&day_of(row.billed_at)) {
            groups.add_row(&row)?;
        }
    }
    Ok(())
}

/// Refuses what would take too long or means nothing.
fn check(query: &CostQuery) -> Result<(), BillingError> {
    let CostQuery { from, to, group_by } = query;
    if from > to {
        return Err(BillingError::Query(format!("expected from <= to, found {from} and {to}")));
    }
    let days = from.until(*to).map_or(i32::MAX, |span| span.get_days());
    if days >= REPORT_DAYS_MAX {
        let detail = format!("expected at most {REPORT_DAYS_MAX} days, found {days}");
        return Err(BillingError::Query(detail));
    }
    if group_by.len() > DIMENSIONS_MAX {
        let found = group_by.len();
        let detail = format!("expected at most {DIMENSIONS_MAX} dimensions, found {found}");
        return Err(BillingError::Query(detail));
    }
    let repeated = (1..group_by.len()).find(|&i| group_by[..i].contains(&group_by[i]));
    match repeated {
        Some(i) => Err(BillingError::Query(format!("the dimension {} is repeated", group_by[i]))),
        None => Ok(()),
    }
}
