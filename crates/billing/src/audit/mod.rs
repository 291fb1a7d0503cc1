//! The nightly check: stored rows are what their records come to, the chain is whole, and no job
//! that has ended is absent from it.

mod absent;

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use zkpool_jobs::keys;
use zkpool_jobs::records::encode;
use zkpool_ledger::chain::follow;
use zkpool_ports::{BlobError, Durability};
use zkpool_types::chain::{AuditRecord, Batch, ChainHead, RollupMark};
use zkpool_types::{ProjectId, UsageRow};

use crate::partition::{Rows, as_older};
use crate::rows::RECORD_BYTES_MAX;
use crate::{BillingError, Costs, partition};

/// Differences that are written down; more of them say no more.
const DIFFERENCES_MAX: usize = 100;

/// Batches that one check looks at. The next one goes on.
const BATCHES_MAX: u64 = 1000;

/// Largest partition, in bytes.
const PARTITION_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Earlier checks read from one page of a listing.
const PAGE_AUDITS: usize = 1000;

/// Where a check stands: the end of the chain, and which jobs are in it.
#[derive(Debug, Default)]
struct Before {
    head: ChainHead,
    mark: RollupMark,
}

/// What a check has found so far.
#[derive(Debug, Default)]
struct Findings {
    rows: u64,
    differences: Vec<String>,
}

/// The rows of a batch as its partitions have them.
#[derive(Debug, Default)]
struct Stored {
    rows: Rows,
    /// Whether a partition is not there.
    gone: bool,
}

impl Findings {
    fn differs(&mut self, detail: impl Into<String>) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(detail.into());
        }
    }
}

impl Costs {
    /// Checks every project, and logs what differs. Returns the checks that looked at something.
    ///
    /// # Errors
    /// A port failed.
    pub async fn audit_all(&self) -> Result<Vec<AuditRecord>, BillingError> {
        let mut records = Vec::new();
        for project in self.projects().await? {
            let Some(record) = self.audit(&project).await? else { continue };
            for difference in &record.differences {
                tracing::error!(%project, difference, "usage differs from its records");
            }
            tracing::info!(%project, rows = record.rows, "usage compared with its records");
            records.push(record);
        }
        Ok(records)
    }

    /// Compares the rows of the batches since the last check with rows made again from outcomes,
    /// and follows their chain. `None` where there is nothing new. The result is stored. A partition
    /// that is gone is a difference, and is written again.
    ///
    /// # Errors
    /// A port failed; what differs is no error.
    pub async fn audit(&self, project: &ProjectId) -> Result<Option<AuditRecord>, BillingError> {
        let log = self.log(project).await?;
        let latest = if log.complete { log.number() } else { log.number().saturating_sub(1) };
        let first = self.audited(project).await?.saturating_add(1);
        let last = latest.min(first.saturating_add(BATCHES_MAX));
        if first > last {
            return Ok(None);
        }
        let mut findings = Findings::default();
        let mut before = match self.batch(project, first - 1).await? {
            Some(Batch { head, mark, .. }) => Before { head, mark },
            None => Before::default(),
        };
        for number in first..=last {
            match self.batch(project, number).await? {
                Some(batch) => before = self.compare(batch, before, &mut findings).await?,
                None => findings.differs(format!("batch {number} is gone")),
            }
        }
        let Findings { rows, differences } = findings;
        let made_at = self.ports.clock.now();
        let project = project.clone();
        let record = AuditRecord { project, batches: (first, last), made_at, rows, differences };
        let key = keys::audit(&record.project, last);
        self.ports
            .blobs
            .put(&key, encode(&key, &record, RECORD_BYTES_MAX)?, Durability::Durable)
            .await?;
        Ok(Some(record))
    }

    /// The batch up to which the project was checked, 0 before the first check.
    async fn audited(&self, project: &ProjectId) -> Result<u64, BillingError> {
        let prefix = keys::audits(project);
        let (mut last, mut after) = (0, None::<String>);
        loop {
            let page = self.ports.blobs.list(&prefix, after.as_deref(), PAGE_AUDITS).await?;
            let name = page.last().and_then(|key| key.as_str().strip_prefix(&prefix));
            let number = name.and_then(|name| name.strip_suffix(".json")?.parse().ok());
            last = number.unwrap_or(last);
            after = page.last().map(ToString::to_string);
            if page.len() < PAGE_AUDITS {
                return Ok(last);
            }
        }
    }

    async fn compare(
        &self,
        batch: Batch,
        before: Before,
        findings: &mut Findings,
    ) -> Result<Before, BillingError> {
        follow_all(&batch, before.head, findings);
        self.find_absent(&batch, &before.mark, findings).await?;
        let made = self.made_rows(&batch, findings).await?;
        let stored = self.stored_rows(&batch, findings).await?;
        compare_rows(batch.number, &made, stored.rows, findings);
        if stored.gone && made.len() == batch.links.len() {
            self.put_partitions(&batch, made).await?;
        }
        Ok(Before { head: batch.head, mark: batch.mark })
    }

    async fn stored_rows(
        &self,
        batch: &Batch,
        findings: &mut Findings,
    ) -> Result<Stored, BillingError> {
        let hours: BTreeSet<(Date, i8)> = batch
            .links
            .iter()
            .map(|link| TimeZone::UTC.to_datetime(link.billed_at))
            .map(|at| (at.date(), at.hour()))
            .collect();
        let mut stored = Stored::default();
        for (day, hour) in hours {
            let key = keys::partition(&batch.project, day, hour, batch.number);
            match self.ports.blobs.get(&key, PARTITION_BYTES_MAX).await {
                Ok(file) => match partition::read(file) {
                    Ok(Rows { rows, older }) => {
                        stored.rows.rows.extend(rows);
                        stored.rows.older |= older;
                    }
                    Err(error) => findings.differs(format!("{key}: {error}")),
                },
                Err(BlobError::NotFound(_)) => {
                    stored.gone = true;
                    findings.differs(format!("{key} is gone"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(stored)
    }

    async fn made_rows(
        &self,
        batch: &Batch,
        findings: &mut Findings,
    ) -> Result<Vec<UsageRow>, BillingError> {
        let mut rows = Vec::new();
        for link in &batch.links {
            let Some(found) = self.find(&batch.project, link.job, link.record).await? else {
                let (seq, job) = (link.seq, link.job);
                findings
                    .differs(format!("link {seq} stands for a record of job {job} that is gone"));
                continue;
            };
            if found.receipt_sha256 != link.receipt_sha256 {
                findings.differs(format!("the receipt of link {} was changed", link.seq));
            }
            let (kind, billed_at) = (link.kind, link.billed_at);
            rows.push(UsageRow { kind, billed_at, ..found.row });
        }
        Ok(rows)
    }
}

/// Each link follows the one before, and the last one is where the batch says that it ends.
fn follow_all(batch: &Batch, mut head: ChainHead, findings: &mut Findings) {
    for link in &batch.links {
        match follow(head, link) {
            Ok(next) => head = next,
            Err(error) => findings.differs(error.to_string()),
        }
    }
    if head != batch.head {
        findings.differs(format!("batch {} ends with another link", batch.number));
    }
}

/// Rows of a partition of an earlier version are compared by what that version had.
fn compare_rows(number: u64, made: &[UsageRow], stored: Rows, findings: &mut Findings) {
    let Rows { rows: stored, older } = stored;
    let sorted = |mut rows: Vec<UsageRow>| {
        rows.sort_by_key(|row| (row.job, row.kind, row.attempt, row.finished_at));
        if older { rows.into_iter().map(as_older).collect() } else { rows }
    };
    let (stored, made) = (sorted(stored), sorted(made.to_vec()));
    findings.rows = findings.rows.saturating_add(made.len() as u64);
    if stored.len() != made.len() {
        let (stored, made) = (stored.len(), made.len());
        findings.differs(format!("batch {number}: expected {made} rows, found {stored}"));
    }
    for (stored, made) in stored.iter().zip(&made).filter(|(stored, made)| stored != made) {
        findings.differs(format!("job {}: expected {made:?}, found {stored:?}", made.job));
    }
}
