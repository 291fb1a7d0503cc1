//! Having a project's webhooks told what happened.
//!
//! A notice is a message that names what is told; the rest is read from records. It is sent last, and
//! only for projects that have or had webhooks. A notice that a job has ended and that is lost on the
//! way is made up for by the sweeper, as long as it looks at the job anyway.

use std::time::Duration;

use jiff::SignedDuration;
use zkpool_ports::Message;
use zkpool_types::webhook::{Notice, NoticeOf};
use zkpool_types::{EventId, JobId, Outcome, ProjectId};

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

impl Jobs {
    /// Sends the notice of a job that has ended.
    pub(crate) async fn notify(&self, project: &ProjectId, job: JobId) -> Result<(), PortError> {
        notify(&self.ports, project, NoticeOf::Ended(job)).await
    }

    /// Whether the sweeper has to look after notices of the project.
    pub(crate) async fn has_webhooks(&self, project: &ProjectId) -> Result<bool, PortError> {
        has_webhooks(&self.ports, project).await
    }

    /// Sends the notice again where it did not become an event in time. Returns whether there is
    /// nothing left to make up for.
    pub(crate) async fn make_up_notice(&self, outcome: &Outcome) -> Result<bool, PortError> {
        let Outcome { project, job, finished_at, .. } = outcome;
        let event = keys::webhook_event(project, EventId::of_job(*job));
        if self.ports.blobs.head(&event).await?.is_some() {
            return Ok(true);
        }
        if self.ports.clock.now().duration_since(*finished_at) < NOTICE_GRACE {
            return Ok(false);
        }
        send(&self.ports, project, NoticeOf::Ended(*job)).await?;
        Ok(true)
    }
}
