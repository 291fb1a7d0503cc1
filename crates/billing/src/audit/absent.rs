//! Jobs that have ended and are in no chain.
//!
//! A batch says which jobs it has passed, which of these are open, and which jobs ahead are in the
//! chain already. What it says is held against the listing of jobs and their outcomes, so that a
//! roll-up that forgets a job is found out by a check that shares nothing of its way of looking.

use std::collections::BTreeSet;

use zkpool_jobs::keys;
use zkpool_types::chain::{Batch, ChainRecord, RollupMark};
use zkpool_types::{JobId, ProjectId};

use super::Findings;
use crate::{BillingError, Costs};

/// Job ids read from one page of a listing.
const PAGE_JOBS: usize = 1000;

impl Costs {
    /// Looks for jobs that have ended and that neither a link of `batch` nor what was in the chain
    /// before it, marked by `before`, stands for.
    pub(super) async fn find_absent(
        &self,
        batch: &Batch,
        before: &RollupMark,
        findings: &mut Findings,
    ) -> Result<(), BillingError> {
        let (project, mark) = (&batch.project, &batch.mark);
        let linked: BTreeSet<JobId> = batch
            .links
            .iter()
            .filter(|link| link.record == ChainRecord::Outcome)
            .map(|link| link.job)
            .collect();
        for job in mark.ahead.difference(&before.ahead).filter(|job| !linked.contains(job)) {
            findings.differs(format!("batch {}: job {job} is marked and not linked", batch.number));
        }
        let closed = before.open.difference(&mark.open).filter(|job| !linked.contains(job));
        for job in closed {
            self.expect_open(project, *job, findings).await?;
        }
        let stands = |job: &JobId| {
            linked.contains(job) || before.ahead.contains(job) || mark.open.contains(job)
        };
        self.expect_passed(project, (before.cursor, mark.cursor), stands, findings).await
    }

    /// Every job between two cursors stands for something, or has not ended.
    async fn expect_passed(
        &self,
        project: &ProjectId,
        (from, to): (Option<JobId>, Option<JobId>),
        stands: impl Fn(&JobId) -> bool + Send,
        findings: &mut Findings,
    ) -> Result<(), BillingError> {
        let Some(to) = to.filter(|to| Some(*to) > from) else { return Ok(()) };
        let prefix = keys::jobs(project);
        let mut after = from.map(|job| job.to_string());
        loop {
            let page = self.ports.blobs.list_children(&prefix, after.as_deref(), PAGE_JOBS).await?;
            let jobs: Vec<JobId> = page.iter().filter_map(|name| name.parse().ok()).collect();
            let passed = jobs.iter().filter(|job| **job <= to);
            for job in passed.filter(|job| !stands(job)) {
                self.expect_open(project, *job, findings).await?;
            }
            if page.len() < PAGE_JOBS || jobs.last().is_some_and(|job| *job >= to) {
                return Ok(());
            }
            after = page.last().cloned();
        }
    }

    /// A job that is in no chain and has an outcome is a difference.
    async fn expect_open(
        &self,
        project: &ProjectId,
        job: JobId,
        findings: &mut Findings,
    ) -> Result<(), BillingError> {
        if self.ports.blobs.head(&keys::outcome(project, job)).await?.is_some() {
            findings.differs(format!("job {job} has ended and is not in the chain"));
        }
        Ok(())
    }
}
