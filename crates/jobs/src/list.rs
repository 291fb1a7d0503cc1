//! Listing the jobs of a project.

use futures_util::future::try_join_all;
use zkpool_types::api::{Page, ProofView};
use zkpool_types::limits::PAGE_ROWS_MAX;
use zkpool_types::{JobId, JobState, ProjectId};

use crate::{JobError, Jobs};

/// Jobs that one page looks at. A page that finds too few rows among them ends early, and its
/// `next` goes on from there.
const SCAN_MAX: usize = 1000;

/// Jobs whose records are read at once: a page costs a few round trips to storage.
const READS_AT_ONCE: usize = 16;

/// Which jobs to list. What is not given does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// A circuit's name, or `name@version`.
    pub circuit: Option<String>,
    /// A state.
    pub state: Option<JobState>,
    /// A tag's name and value.
    pub tag: Option<(String, String)>,
}

impl JobFilter {
    /// Whether a job passes.
    #[must_use]
    pub fn matches(&self, view: &ProofView) -> bool {
        let Self { circuit, state, tag } = self;
        let of_circuit =
            |wanted: &String| *wanted == view.circuit.name() || *wanted == view.circuit.to_string();
        let tagged = |(name, value): &(String, String)| view.tags.get(name) == Some(value);
        circuit.as_ref().is_none_or(of_circuit)
            && state.is_none_or(|state| state == view.state)
            && tag.as_ref().is_none_or(tagged)
    }
}

impl Jobs {
    /// One page of jobs, newest first: at most `limit` (and [`PAGE_ROWS_MAX`]) that sort before
    /// `before`. The page's `next` is the `before` of the following page.
    ///
    /// # Errors
    /// A port failed.
    pub async fn list(
        &self,
        project: &ProjectId,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<Page<ProofView>, JobError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let unfiltered = *filter == JobFilter::default();
        let scan = if unfiltered { limit + 1 } else { SCAN_MAX };
        let ids = self.newest(project, before, scan).await?;
        let mut items = Vec::new();
        let mut seen = 0;
        for chunk in ids.chunks(READS_AT_ONCE) {
            let rows = try_join_all(chunk.iter().copied().map(|id| self.row(project, id))).await?;
            for (id, row) in chunk.iter().zip(rows) {
                items.extend(row.filter(|view| filter.matches(view)));
                seen += 1;
                let last = seen == ids.len();
                if (items.len() == limit && !last) || (last && ids.len() == scan) {
                    return Ok(Page { items, next: Some(id.to_string()) });
                }
            }
        }
        Ok(Page { items, next: None })
    }

    /// A row, or `None` for a job that is not accepted yet.
    pub(crate) async fn row(
        &self,
        project: &ProjectId,
        job: JobId,
    ) -> Result<Option<ProofView>, JobError> {
        match self.view(project, job).await {
            Ok(view) => Ok(Some(view)),
            Err(JobError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
