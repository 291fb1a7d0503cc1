//! What is not in the chain yet.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use zkpool_jobs::{created_at, keys};
use zkpool_ledger::costs::{day_of, month_of};
use zkpool_ports::BlobKey;
use zkpool_types::chain::{ChainRecord, RollupMark};
use zkpool_types::limits::ID_DISORDER_S;
use zkpool_types::{Defect, JobId, ProjectId};

use super::log::Log;
use super::unbilled::Billed;
use crate::rows::{Found, whole_us};
use crate::{BillingError, Costs};

/// Receipts of one batch. It bounds the memory of a roll-up, at about 2 KB a receipt.
pub(crate) const BATCH_ROWS_MAX: usize = 5000;

/// Job ids read from one page of a listing.
const PAGE_JOBS: usize = 1000;

/// Records read at once.
const READS_MAX: usize = 32;

/// Age that a job must have before the cursor passes it.
const CURSOR_LAG: SignedDuration = SignedDuration::from_secs(ID_DISORDER_S);

/// Age at which an open job without a request is forgotten: its submission was never finished. One
/// that is taken up again is marked.
const ORPHAN_AFTER: SignedDuration = SignedDuration::from_hours(48);

/// Age of a job at which a mark of work that was never recorded is deleted.
const MARK_AFTER: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Where a walk over what is pending stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) mark: RollupMark,
    closed_through: Option<String>,
    /// The number of the latest batch.
    latest: u64,
    /// Marks are looked at once in a walk.
    marked: bool,
    /// Open jobs up to this one have been looked at.
    looked: Option<JobId>,
}

impl Standing {
    pub(crate) fn of(log: &Log) -> Self {
        let latest = log.latest.as_ref();
        Self {
            mark: latest.map(|batch| batch.mark.clone()).unwrap_or_default(),
            closed_through: latest.and_then(|batch| batch.closed_through.clone()),
            latest: log.number(),
            marked: false,
            looked: None,
        }
    }

    /// When something that ended at `at` counts: a closed month takes nothing more, also by the clock
    /// of a machine on which it has not ended yet.
    fn billed_at(&self, at: Timestamp, now: Timestamp) -> Timestamp {
        let month = month_of(day_of(at));
        match &self.closed_through {
            Some(closed) if month <= *closed && !Defect::AddsToClosedMonths.is_planted() => {
                whole_us(now).max(end_of(closed))
            }
            _ => at,
        }
    }
}

/// The moment at which a month ends.
fn end_of(month: &str) -> Timestamp {
    let first: Option<Date> = format!("{month}-01").parse().ok();
    let next = first.and_then(|first| first.last_of_month().tomorrow().ok());
    let end = next.and_then(|day| TimeZone::UTC.to_timestamp(day.to_datetime(Time::MIN)).ok());
    end.unwrap_or(Timestamp::MIN)
}

/// One batch's worth of what is pending.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// In the order of the chain: by end and job.
    pub(crate) found: Vec<Found>,
    /// Jobs that were looked at and have not ended.
    pub(crate) open: BTreeSet<JobId>,
    /// Marks that are done with.
    pub(crate) marks: Vec<BlobKey>,
    /// Whether there is more.
    pub(crate) more: bool,
}

impl Costs {
    /// The next receipts that are not in the chain, and `standing` as it is with them.
    pub(crate) async fn pending(
        &self,
        project: &ProjectId,
        standing: &mut Standing,
    ) -> Result<Pending, BillingError> {
        let now = self.ports.clock.now();
        let mut pending = Pending::default();
        if !standing.marked {
            self.take_marks(project, standing, now, &mut pending).await?;
            standing.marked = true;
        }
        self.take_open(project, standing, now, &mut pending).await?;
        if !pending.more {
            self.take_new(project, standing, now, &mut pending).await?;
        }
        for found in &mut pending.found {
            found.row.billed_at = standing.billed_at(found.row.finished_at, now);
        }
        pending.found.sort_by_key(|found| (found.row.finished_at, found.row.job, found.record));
        Ok(pending)
    }

    async fn take_marks(
        &self,
        project: &ProjectId,
        standing: &mut Standing,
        now: Timestamp,
        pending: &mut Pending,
    ) -> Result<(), BillingError> {
        let mut billed = Billed::new(standing.latest);
        for mark in self.marks(project).await? {
            let record = mark.record.unwrap_or(ChainRecord::Outcome);
            let known = mark.record.is_none() && standing.mark.ahead.contains(&mark.job);
            if known || self.is_billed(project, &mut billed, mark.job, record).await? {
                pending.marks.push(mark.key);
            } else if mark.record.is_none() {
                // What the cursor has not passed is found behind it.
                if Some(mark.job) <= standing.mark.cursor {
                    standing.mark.open.insert(mark.job);
                }
                pending.marks.push(mark.key);
            } else if Defect::ForgetsWaste.is_planted() {
                pending.marks.push(mark.key);
            } else if let Some(found) = self.find(project, mark.job, record).await? {
                pending.found.push(found);
                pending.marks.push(mark.key);
            } else if self.is_stale(project, mark.job, now).await? {
                pending.marks.push(mark.key);
            }
        }
        Ok(())
    }

    /// Whether a job ended long ago, so that a mark of work on it stands for what was never recorded.
    async fn is_stale(
        &self,
        project: &ProjectId,
        job: JobId,
        now: Timestamp,
    ) -> Result<bool, BillingError> {
        let old = now.duration_since(created_at(job)) > MARK_AFTER;
        Ok(old && self.ports.blobs.head(&keys::outcome(project, job)).await?.is_some())
    }

    /// Open jobs that have ended meanwhile.
    async fn take_open(
        &self,
        project: &ProjectId,
        standing: &mut Standing,
        now: Timestamp,
        pending: &mut Pending,
    ) -> Result<(), BillingError> {
        let looked = standing.looked;
        let open: Vec<_> =
            standing.mark.open.iter().copied().filter(|job| Some(*job) > looked).collect();
        for jobs in open.chunks(READS_MAX) {
            if pending.found.len() >= BATCH_ROWS_MAX {
                pending.more = true;
                return Ok(());
            }
            for (job, found) in self.ended(project, jobs).await? {
                standing.looked = Some(job);
                let orphan = found.is_none() && self.is_orphan(project, job, now).await?;
                if found.is_some() || orphan {
                    standing.mark.open.remove(&job);
                } else {
                    pending.open.insert(job);
                }
                pending.found.extend(found);
            }
        }
        Ok(())
    }

    async fn is_orphan(
        &self,
        project: &ProjectId,
        job: JobId,
        now: Timestamp,
    ) -> Result<bool, BillingError> {
        let old = now.duration_since(created_at(job)) > ORPHAN_AFTER;
        Ok(old && self.ports.blobs.head(&keys::request(project, job)).await?.is_none())
    }

    /// Jobs behind the cursor.
    async fn take_new(
        &self,
        project: &ProjectId,
        standing: &mut Standing,
        now: Timestamp,
        pending: &mut Pending,
    ) -> Result<(), BillingError> {
        let prefix = keys::jobs(project);
        let mut after = standing.mark.cursor.map(|job| job.to_string());
        let mut passing = true;
        loop {
            let page = self.ports.blobs.list_children(&prefix, after.as_deref(), PAGE_JOBS).await?;
            let jobs: Vec<JobId> = page.iter().filter_map(|name| name.parse().ok()).collect();
            for jobs in jobs.chunks(READS_MAX) {
                if pending.found.len() >= BATCH_ROWS_MAX {
                    pending.more = true;
                    return Ok(());
                }
                self.take_jobs(project, standing, jobs, now, &mut passing, pending).await?;
            }
            after = page.last().cloned();
            if page.len() < PAGE_JOBS {
                return Ok(());
            }
        }
    }

    /// Looks at jobs in the order of their ids. The cursor passes them up to the first young one.
    async fn take_jobs(
        &self,
        project: &ProjectId,
        standing: &mut Standing,
        jobs: &[JobId],
        now: Timestamp,
        passing: &mut bool,
        pending: &mut Pending,
    ) -> Result<(), BillingError> {
        let mark = &mut standing.mark;
        let unknown = |job: &JobId| !mark.ahead.contains(job) && !mark.open.contains(job);
        let unknown: Vec<_> = jobs.iter().copied().filter(unknown).collect();
        let mut ended = self.ended(project, &unknown).await?.into_iter().peekable();
        for job in jobs {
            let found = ended.next_if(|(next, _)| next == job).map(|(_, found)| found);
            if let Some(None) = found {
                pending.open.insert(*job);
            }
            *passing &= now.duration_since(created_at(*job)) > CURSOR_LAG;
            match (&found, *passing) {
                (Some(None), true) if Defect::ForgetsOpenJobs.is_planted() => {}
                (Some(None), true) => _ = mark.open.insert(*job),
                (Some(Some(_)), false) => _ = mark.ahead.insert(*job),
                (None, true) => _ = mark.ahead.remove(job),
                _ => {}
            }
            if *passing {
                mark.cursor = Some(*job);
            }
            pending.found.extend(found.flatten());
        }
        Ok(())
    }

    /// The rows of these jobs, in their order; `None` for those that are open.
    async fn ended(
        &self,
        project: &ProjectId,
        jobs: &[JobId],
    ) -> Result<Vec<(JobId, Option<Found>)>, BillingError> {
        try_join_all(jobs.iter().map(|job| self.look(project, *job)).collect::<Vec<_>>()).await
    }

    async fn look(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<(JobId, Option<Found>), BillingError> {
        Ok((job, self.find(project, job, ChainRecord::Outcome).await?))
    }
}
