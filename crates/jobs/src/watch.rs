//! Following jobs as they go on.
//!
//! There is no log of events: what is followed is the records. A watch looks at them at bounded
//! intervals, and at once where a job ends in this process, and tells of every standing that
//! differs from the one it told before. Standings that come and go between two looks are passed
//! over; the end never is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::SignedDuration;
use zkpool_types::api::ProofView;
use zkpool_types::limits::PAGE_ROWS_MAX;
use zkpool_types::{JobId, ProjectId};

use crate::endings::Listener;
use crate::newest::{created_at, first_at};
use crate::{JobError, Jobs, keys};

/// Time between two looks at the job of a [`JobWatch`].
const JOB_LOOK_EVERY: Duration = Duration::from_millis(250);

/// Time between two looks at the jobs of a [`ProjectWatch`].
const PROJECT_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Open jobs that one look at a project asks for; the next look goes on behind them.
const LOOKED_AT_MAX: usize = 256;

/// Jobs that a [`ProjectWatch`] remembers. Beyond that the oldest is let go, so that one that
/// never ends holds up nobody; whoever waits for that one follows it by itself.
const FOLLOWED_MAX: usize = 4096;

/// How much later than its id a job may appear: the time from an id to its first record, and the
/// difference of the clocks of two processes.
const APPEARS_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// How long a job may take to be accepted once its id is known: the longest copy of a witness.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// The standing that a view shows, as text: two views of one text are no news of each other.
fn standing(view: &ProofView) -> String {
    match (view.attempt, view.stage) {
        (Some(attempt), Some(stage)) => format!("{}-{}", attempt.number, stage.name()),
        _ => view.state.name().to_owned(),
    }
}

/// One job, followed until it ends. Made by [`Jobs::watch`].
#[derive(Debug)]
pub struct JobWatch {
    jobs: Jobs,
    project: ProjectId,
    job: JobId,
    listener: Listener,
    told: Option<String>,
    ended: bool,
}

impl JobWatch {
    /// The next standing with the text that names it, or `None` once the job's end was told.
    ///
    /// # Errors
    /// There is no such job in this project, or a port failed.
    pub async fn next(&mut self) -> Result<Option<(String, ProofView)>, JobError> {
        while !self.ended {
            let view = self.jobs.view(&self.project, self.job).await?;
            self.ended = view.state.is_terminal();
            let standing = standing(&view);
            if self.told.as_ref() != Some(&standing) {
                self.told = Some(standing.clone());
                return Ok(Some((standing, view)));
            }
            if !self.ended {
                self.pause().await;
            }
        }
        Ok(None)
    }

    async fn pause(&mut self) {
        tokio::select! {
            () = self.listener.hear(self.job) => {}
            () = self.jobs.ports.clock.sleep(JOB_LOOK_EVERY) => {}
        }
    }
}

/// How far a [`ProjectWatch`] has told: every job up to this id, which belongs to no open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub JobId);

/// The jobs of a project, followed from a cursor on without end. Made by
/// [`Jobs::watch_project`].
#[derive(Debug)]
pub struct ProjectWatch {
    jobs: Jobs,
    project: ProjectId,
    listener: Listener,
    after: JobId,
    followed: BTreeMap<JobId, Followed>,
    /// Where the last look at open jobs stopped.
    looked_until: Option<JobId>,
    /// On the clock that never goes back.
    next_look: Duration,
    news: VecDeque<ProofView>,
}

/// What was told of a job.
#[derive(Clone, Debug, Default)]
struct Followed {
    told: Option<String>,
    looked_at: bool,
    ended: bool,
}

impl Followed {
    /// Whether a job of this age can be forgotten: nothing older can appear, and nothing more can
    /// happen to it.
    fn is_settled(&self, age: SignedDuration) -> bool {
        match &self.told {
            Some(_) => self.ended && age > APPEARS_WITHIN,
            None => age > ABANDONED_AFTER,
        }
    }
}

impl ProjectWatch {
    /// The next standing of any job, with the cursor from which another watch goes on: it tells
    /// nothing less than this one would have, and what ended lately may be told again.
    ///
    /// # Errors
    /// A port failed.
    pub async fn next(&mut self) -> Result<(Cursor, ProofView), JobError> {
        loop {
            if let Some(view) = self.news.pop_front() {
                return Ok((Cursor(self.after), view));
            }
            let now = self.jobs.ports.clock.elapsed();
            if now < self.next_look {
                self.listen(self.next_look - now).await?;
                continue;
            }
            self.next_look = now + PROJECT_LOOK_EVERY;
            self.meet().await?;
            self.look().await?;
            self.let_go();
        }
    }

    /// Waits for an end in this process, which is looked at by itself, at most until the next look.
    async fn listen(&mut self, left: Duration) -> Result<(), JobError> {
        let clock = self.jobs.ports.clock.clone();
        let heard = tokio::select! {
            heard = self.listener.hear_any() => heard,
            () = clock.sleep(left) => None,
        };
        match heard {
            Some(job) if job > self.after => self.look_at(job).await,
            _ => Ok(()),
        }
    }

    /// Begins to follow what was accepted since, as far as there is room.
    async fn meet(&mut self) -> Result<(), JobError> {
        let prefix = keys::jobs(&self.project);
        let mut after = self.after.to_string();
        while self.followed.len() < FOLLOWED_MAX {
            let blobs = &self.jobs.ports.blobs;
            let page = blobs.list_children(&prefix, Some(&after), PAGE_ROWS_MAX).await;
            let page = page.map_err(crate::PortError::from)?;
            for job in page.iter().filter_map(|text| text.parse().ok()) {
                self.followed.entry(job).or_default();
            }
            match page.last() {
                Some(last) if page.len() == PAGE_ROWS_MAX => after.clone_from(last),
                _ => break,
            }
        }
        Ok(())
    }

    /// Looks at the next open jobs, from the oldest to the newest and then again.
    async fn look(&mut self) -> Result<(), JobError> {
        let behind = |job: &JobId| self.looked_until.is_none_or(|until| *job > until);
        let open = self.followed.iter().filter(|(job, followed)| !followed.ended && behind(job));
        let turn: Vec<_> = open.map(|(job, _)| *job).take(LOOKED_AT_MAX).collect();
        self.looked_until = turn.last().copied().filter(|_| turn.len() == LOOKED_AT_MAX);
        for job in turn {
            self.look_at(job).await?;
            self.followed.entry(job).or_default().looked_at = true;
        }
        Ok(())
    }

    async fn look_at(&mut self, job: JobId) -> Result<(), JobError> {
        // Of another project, or its request is not written yet and maybe never will be.
        let Some(view) = self.jobs.row(&self.project, job).await? else { return Ok(()) };
        let followed = self.followed.entry(job).or_default();
        let standing = standing(&view);
        followed.ended = view.state.is_terminal();
        if followed.told.as_ref() != Some(&standing) {
            followed.told = Some(standing);
            self.news.push_back(view);
        }
        Ok(())
    }

    /// Forgets the oldest jobs that are settled, and the oldest of all where there is no room.
    fn let_go(&mut self) {
        let now = self.jobs.ports.clock.now();
        while let Some((&job, followed)) = self.followed.first_key_value() {
            let is_full = self.followed.len() >= FOLLOWED_MAX;
            let age = now.duration_since(created_at(job));
            let may_go = followed.is_settled(age) || is_full && followed.looked_at;
            if !may_go {
                return;
            }
            self.followed.remove(&job);
            self.after = job;
        }
    }
}

impl Jobs {
    /// Follows a job. A standing that equals `told`, which an earlier watch named, is no news.
    #[must_use]
    pub fn watch(&self, project: &ProjectId, job: JobId, told: Option<String>) -> JobWatch {
        let (jobs, project, listener) = (self.clone(), project.clone(), self.endings.listen());
        JobWatch { jobs, project, job, listener, told, ended: false }
    }

    /// Follows the jobs of a project: from a cursor on, or those accepted from now on.
    #[must_use]
    pub fn watch_project(&self, project: &ProjectId, from: Option<Cursor>) -> ProjectWatch {
        let (jobs, project, listener) = (self.clone(), project.clone(), self.endings.listen());
        let after = from.map_or_else(|| first_at(self.ports.clock.now()), |cursor| cursor.0);
        let (followed, news) = (BTreeMap::new(), VecDeque::new());
        let next_look = Duration::ZERO;
        ProjectWatch {
            jobs,
            project,
            listener,
            after,
            followed,
            looked_until: None,
            next_look,
            news,
        }
    }
}
