//! Having a project's webhooks told what happened.
//!
//! A notice is a message that names what is told; the rest is read from records. It is sent last, and
//! only for projects that have or had webhooks. A notice that a job has ended and that is lost on the
//! way is made up for by the sweeper, which looks at a job until its end has become an event.

use std::time::Duration;

use jiff::SignedDuration;
use zkpool_ports::Message;
use zkpool_types::webhook::{Notice, NoticeOf};
use zkpool_types::{Defect, EventId, JobId, Outcome, ProjectId, Timestamp};

use crate::{Jobs, PortError, Ports, keys};

/// Time that a notice has to become an event before it is sent again.
const NOTICE_GRACE: SignedDuration = SignedDuration::from_secs(60);

/// Sends a notice if its project has or had webhooks.
///
/// # Errors
/// A port failed.
pub async fn notify(ports: &Ports, project: &ProjectId, what: NoticeOf) -> Result<(), PortError> {
    if has_webhooks(ports, project).await? {
        send(ports, project, what).await?;
    }
    Ok(())
}

async fn has_webhooks(ports: &Ports, project: &ProjectId) -> Result<bool, PortError> {
    Ok(ports.blobs.head(&keys::webhook_project(project)).await?.is_some())
}

async fn send(ports: &Ports, project: &ProjectId, what: NoticeOf) -> Result<(), PortError> {
    let id = what.id(project);
    let notice = Notice { project: project.clone(), what };
    let body = serde_json::to_string(&notice)
        .map_err(|source| PortError::Corrupt { key: keys::webhook_project(project), source })?;
    let message = Message { id, group: project.to_string(), body };
    Ok(ports.notices.send(message, Duration::ZERO).await?)
}

/// Whether the end of a job has become an event.
pub(crate) enum Told {
    /// It has: nothing is left to make up for.
    Yes,
    /// It has not, and still may.
    NotYet,
    /// It has not, and its notice was sent again now.
    SentAgain(Timestamp),
}

impl Jobs {
    /// Sends the notice of a job that has ended.
    pub(crate) async fn notify(&self, project: &ProjectId, job: JobId) -> Result<(), PortError> {
        notify(&self.ports, project, NoticeOf::Ended(job)).await
    }

    /// Whether the sweeper has to look after notices of the project.
    pub(crate) async fn has_webhooks(&self, project: &ProjectId) -> Result<bool, PortError> {
        has_webhooks(&self.ports, project).await
    }

    /// Looks at whether the end of a job has become an event, and sends its notice again where it
    /// has not within the time since it ended or the notice was last `sent_again`.
    pub(crate) async fn make_up_notice(
        &self,
        outcome: &Outcome,
        sent_again: Option<Timestamp>,
    ) -> Result<Told, PortError> {
        let Outcome { project, job, finished_at, .. } = outcome;
        let event = keys::webhook_event(project, EventId::of_job(*job));
        let forgets = Defect::NeverMakesUpNotices.is_planted();
        if forgets || self.ports.blobs.head(&event).await?.is_some() {
            return Ok(Told::Yes);
        }
        let now = self.ports.clock.now();
        let sent_at = sent_again.map_or(*finished_at, |at| at.max(*finished_at));
        if now.duration_since(sent_at) < NOTICE_GRACE {
            return Ok(Told::NotYet);
        }
        send(&self.ports, project, NoticeOf::Ended(*job)).await?;
        Ok(Told::SentAgain(now))
    }
}
