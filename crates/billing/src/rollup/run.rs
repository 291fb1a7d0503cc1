//! Rolling up.

use zkpool_jobs::keys;
use zkpool_ledger::chain::{LinkContent, link};
use zkpool_ledger::costs::day_of;
use zkpool_types::chain::{Batch, COUNTED_DAYS_MAX, ChainHead};
use zkpool_types::{KeyId, ProjectId, UsageRow};

use super::log::Log;
use super::pending::{Pending, Standing};
use crate::rows::Found;
use crate::{BillingError, Costs};

/// Batches of one project that one roll-up makes. The next one goes on.
const BATCHES_MAX: usize = 100;

/// Projects read from one page of a listing.
const PAGE_PROJECTS: usize = 1000;

/// What a roll-up did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupReport {
    /// Projects that were looked at.
    pub projects: usize,
    /// Receipts that are in a chain now.
    pub receipts: usize,
    /// Projects that failed and are left to the next roll-up.
    pub errors: usize,
}

/// Which month to close, and the key of whoever asked for that.
struct Close {
    through: Option<String>,
    by: Option<KeyId>,
}

impl Costs {
    /// Rolls up every project once, and publishes the root of the last day if nobody has.
    ///
    /// Several may run at once and any of them may stop at any moment: what is written is the same.
    ///
    /// # Errors
    /// The projects cannot be listed. What fails for one of them is counted and logged.
    pub async fn roll_up_all(&self) -> Result<RollupReport, BillingError> {
        let mut report = RollupReport::default();
        for project in self.projects().await? {
            report.projects += 1;
            match self.roll_up(&project).await {
                Ok(receipts) => report.receipts += receipts,
                Err(error) => {
                    report.errors += 1;
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%project, error, "left to the next roll-up");
                }
            }
        }
        self.publish_root().await?;
        Ok(report)
    }

    /// Every project with jobs.
    pub(crate) async fn projects(&self) -> Result<Vec<ProjectId>, BillingError> {
        let (mut projects, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .ports
                .blobs
                .list_children(keys::JOB_PROJECTS, after.as_deref(), PAGE_PROJECTS)
                .await?;
            projects.extend(page.iter().filter_map(|name| name.parse().ok()));
            after = page.last().cloned();
            if page.len() < PAGE_PROJECTS {
                return Ok(projects);
            }
        }
    }

    /// Rolls up one project, and closes the months that are due. Returns how many receipts were
    /// added.
    ///
    /// # Errors
    /// A port failed. Another call goes on where this one stopped.
    pub async fn roll_up(&self, project: &ProjectId) -> Result<usize, BillingError> {
        let due = self.month_due();
        self.roll_up_through(project, due, None).await
    }

    /// Rolls up everything that is pending, then closes the months through `close`.
    pub(crate) async fn roll_up_through(
        &self,
        project: &ProjectId,
        close: Option<String>,
        by: Option<KeyId>,
    ) -> Result<usize, BillingError> {
        let mut log = self.log(project).await?;
        if let (Some(batch), false) = (&log.latest, log.complete) {
            let rows = self.rows_of(batch).await?;
            self.write_partitions(batch, rows).await?;
        }
        let mut added = 0;
        for _ in 0..BATCHES_MAX {
            let mut standing = Standing::of(&log);
            let pending = self.pending(project, &mut standing).await?;
            let (more, receipts) = (pending.more, pending.found.len());
            let through = close.clone().filter(|_| !more);
            let close = Close { through, by };
            let Some(batch) = self.add(project, &log, standing, pending, close).await? else {
                break;
            };
            added += receipts;
            log = Log { latest: Some(batch), complete: true };
            if !more {
                break;
            }
        }
        Ok(added)
    }

    /// Adds one batch and what follows from it. `None` where there was nothing to add, or where
    /// another roll-up was faster.
    async fn add(
        &self,
        project: &ProjectId,
        log: &Log,
        standing: Standing,
        pending: Pending,
        close: Close,
    ) -> Result<Option<Batch>, BillingError> {
        let Pending { found, marks, open: _, more: _ } = pending;
        let closed = log.latest.as_ref().and_then(|batch| batch.closed_through.clone());
        // Months compare as their names do. A project without receipts has nothing to close.
        let closes = close.through > closed && (log.latest.is_some() || !found.is_empty());
        if found.is_empty() && !closes && standing.mark.open == log.open() {
            return Ok(None);
        }
        let head = log.latest.as_ref().map(|batch| batch.head).unwrap_or_default();
        let mut batch = Batch {
            number: log.number().saturating_add(1),
            project: project.clone(),
            rolled_up_at: self.ports.clock.now(),
            links: Vec::with_capacity(found.len()),
            head,
            closed_through: if closes { close.through } else { closed },
            closed_by: close.by.filter(|_| closes),
            mark: standing.mark,
            days: log.latest.as_ref().map(|batch| batch.days.clone()).unwrap_or_default(),
        };
        let rows = fill(&mut batch, found)?;
        if !self.commit(&batch).await? {
            return Ok(None);
        }
        self.write_partitions(&batch, rows).await?;
        for mark in marks {
            self.ports.blobs.delete(&mark).await?;
        }
        Ok(Some(batch))
    }
}

/// Puts the receipts in the chain of a batch, and returns their rows.
fn fill(batch: &mut Batch, found: Vec<Found>) -> Result<Vec<UsageRow>, BillingError> {
    let mut rows = Vec::with_capacity(found.len());
    for Found { row, record, receipt_sha256 } in found {
        let content = LinkContent {
            job: row.job,
            record,
            kind: row.kind,
            billed_at: row.billed_at,
            receipt_sha256,
        };
        let link = link(batch.head, &content)?;
        batch.head = ChainHead { length: link.seq, hash: link.hash };
        batch.links.push(link);
        *batch.days.entry(day_of(row.billed_at)).or_default() += 1;
        rows.push(row);
    }
    while batch.days.len() > COUNTED_DAYS_MAX {
        batch.days.pop_first();
    }
    Ok(rows)
}
