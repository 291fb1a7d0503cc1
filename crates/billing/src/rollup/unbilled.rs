//! Marks of records that the roll-up would not find by itself: work that ended nothing, corrections,
//! and jobs whose submission was taken up again after the roll-up had passed their id.

use std::collections::HashSet;

use jiff::SignedDuration;
use zkpool_jobs::{created_at, keys};
use zkpool_ports::BlobKey;
use zkpool_types::chain::{Batch, ChainRecord};
use zkpool_types::{JobId, ProjectId};

use crate::{BillingError, Costs};

/// Marks read from one page of a listing.
const PAGE_MARKS: usize = 1000;

/// How far the clocks of the machines may be apart.
const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_hours(1);

/// A mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) key: BlobKey,
    pub(crate) job: JobId,
    /// What to add; none where the job itself is to be looked at again.
    pub(crate) record: Option<ChainRecord>,
}

fn parse(key: BlobKey, prefix: &str) -> Option<Mark> {
    let mut parts = key.as_str().strip_prefix(prefix)?.split('.');
    let (kind, job, id) = (parts.next()?, parts.next()?.parse().ok()?, parts.next());
    let record = match (kind, id) {
        ("late", None) => None,
        ("waste", Some(attempt)) => Some(ChainRecord::Waste(attempt.parse().ok()?)),
        ("correction", Some(id)) => Some(ChainRecord::Correction(id.parse().ok()?)),
        _ => return None,
    };
    Some(Mark { key, job, record })
}

/// What the latest batches hold, read as far back as was asked for.
#[derive(Debug)]
pub(crate) struct Billed {
    latest: u64,
    /// Batches from this number on have been read.
    from: u64,
    records: HashSet<(JobId, ChainRecord)>,
}

impl Billed {
    pub(crate) fn new(latest: u64) -> Self {
        Self { latest, from: latest.saturating_add(1), records: HashSet::new() }
    }

    fn add(&mut self, batch: &Batch) {
        self.records.extend(batch.links.iter().map(|link| (link.job, link.record)));
        self.from = batch.number;
    }
}

impl Costs {
    /// Every mark of the project.
    pub(crate) async fn marks(&self, project: &ProjectId) -> Result<Vec<Mark>, BillingError> {
        let prefix = keys::unbilled_marks(project);
        let (mut marks, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.ports.blobs.list(&prefix, after.as_deref(), PAGE_MARKS).await?;
            after = page.last().map(ToString::to_string);
            let full = page.len() >= PAGE_MARKS;
            marks.extend(page.into_iter().filter_map(|key| parse(key, &prefix)));
            if !full {
                return Ok(marks);
            }
        }
    }

    /// Whether a record is in the chain already. No batch older than its job can hold it.
    pub(crate) async fn is_billed(
        &self,
        project: &ProjectId,
        billed: &mut Billed,
        job: JobId,
        record: ChainRecord,
    ) -> Result<bool, BillingError> {
        let since = created_at(job).checked_sub(CLOCK_SKEW_MAX).unwrap_or(jiff::Timestamp::MIN);
        while billed.from > 1 && !billed.records.contains(&(job, record)) {
            let Some(batch) = self.batch(project, billed.from - 1).await? else { break };
            if batch.rolled_up_at < since {
                break;
            }
            billed.add(&batch);
        }
        Ok(billed.latest > 0 && billed.records.contains(&(job, record)))
    }
}
