//! Asking for proofs and waiting for them.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;
use zkpool_types::api::ProofView;
use zkpool_types::limits::PAGE_ROWS_MAX;
use zkpool_types::{JobId, JobState};

use crate::client::{Call, Client};
use crate::error::Error;
use crate::proof::{Proof, Status};
use crate::retry::{Repeat, retrying};
use crate::submission::{Submission, Work};
use crate::time::sleep;

/// How long one status request waits at the server for the end of a job.
const WAIT: Duration = Duration::from_secs(20);

/// Pause after a status request that came back before its time although nothing had ended, as a
/// server does that is about to stop.
const EARLY_PAUSE: Duration = Duration::from_millis(250);

/// The longest time that anything is waited for: that of no caller is longer, and it can be added
/// to any point in time.
const EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What makes a request sent again the same job.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A submission that the server accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job.
    pub id: JobId,
    /// Whether an earlier submission with the same key had made the job already.
    pub replayed: bool,
}

/// Which jobs to list. What is not given does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only of this circuit: a name, or `name@version`.
    pub circuit: Option<String>,
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only with this tag of this value.
    pub tag: Option<(String, String)>,
}

impl Client {
    /// Asks for a proof, waits for it and verifies it.
    ///
    /// A request gets a fresh idempotency key, so that two calls make two jobs; a [`Submission`]
    /// stays the job that it is. Dropping the future leaves the job as it is: see
    /// [`Client::cancel`].
    ///
    /// # Errors
    /// The request was refused, the job ended without a proof, or the proof does not hold.
    pub async fn prove(&self, work: impl Into<Work>) -> Result<Proof, Error> {
        let submission = self.ready(work.into()).await?;
        let job = self.submit(&submission).await?.id;
        match self.wait(job).await? {
            Status::Proved(proof) => Ok(*proof),
            Status::NotProved(ended) => Err(Error::NotProved(ended)),
            Status::Open(_) => Err(Error::NotEnded { job, waited: self.0.settings.patience }),
        }
    }

    /// Sends a submission: the same one is the same job, however often and from wherever it is sent.
    ///
    /// # Errors
    /// It was refused, or did not get through and may be sent again.
    pub async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        let Submission { idempotency_key, body } = submission;
        let key = HeaderValue::from_str(idempotency_key)
            .map_err(|_| Error::Content("the idempotency key is no header".into()))?;
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, key)]);
        let call = Call::post(Repeat::Harmless, "/v1/proofs").headers(headers);
        let answer = self.answer(&call.text(body.expose().clone())).await?;
        let view: ProofView = answer.json()?;
        Ok(Submitted { id: view.id, replayed: answer.status == StatusCode::OK })
    }

    /// How a job stands now. A proof is verified before it is shown.
    ///
    /// # Errors
    /// There is no such job, or its proof does not hold.
    pub async fn status(&self, job: JobId) -> Result<Status, Error> {
        let view = self.call(&Call::get(format!("/v1/proofs/{job}"))).await?;
        self.checked_status(view).await
    }

    /// Waits for a job to end, as long as the client is patient
    /// ([`ClientBuilder::patience`](crate::ClientBuilder::patience)).
    ///
    /// # Errors
    /// As [`Client::wait_at_most`].
    pub async fn wait(&self, job: JobId) -> Result<Status, Error> {
        self.wait_at_most(job, self.0.settings.patience).await
    }

    /// Waits for a job to end, at most for `longest`. A server that cannot be reached meanwhile is
    /// waited for too.
    ///
    /// # Errors
    /// It has not ended in time, there is no such job, or its proof does not hold.
    pub async fn wait_at_most(&self, job: JobId, longest: Duration) -> Result<Status, Error> {
        let start = Instant::now();
        let deadline = start + longest.min(EVER);
        let ended = async {
            loop {
                let view = self.look(job, deadline).await?;
                if view.state.is_terminal() {
                    return self.checked_status(view).await;
                }
                if Instant::now() >= deadline {
                    return Err(Error::NotEnded { job, waited: start.elapsed() });
                }
            }
        };
        ended.instrument(tracing::info_span!("wait", %job)).await
    }

    /// One status request that waits at the server.
    pub(crate) async fn look(&self, job: JobId, deadline: Instant) -> Result<ProofView, Error> {
        let wait = deadline.saturating_duration_since(Instant::now()).min(WAIT);
        let query = vec![("wait", wait.as_secs().to_string())];
        let call = Call::get(format!("/v1/proofs/{job}")).query(query).longer(wait);
        let retries = self.0.settings.retries.until_deadline();
        let (asked, attempt) = (Instant::now(), || self.attempt(&call));
        let answer = retrying(retries, Repeat::Harmless, deadline, attempt).await?;
        let view: ProofView = answer.json()?;
        let early = EARLY_PAUSE.min(wait).checked_sub(asked.elapsed());
        if let (false, Some(left)) = (view.state.is_terminal(), early) {
            sleep(left).await;
        }
        Ok(view)
    }

    /// Takes a job back, so that it ends without a charge.
    ///
    /// # Errors
    /// It has ended already, or there is no such job.
    pub async fn cancel(&self, job: JobId) -> Result<ProofView, Error> {
        let call = Call::post(Repeat::Harmless, format!("/v1/proofs/{job}/cancel"));
        self.call(&call.json(&Value::Null)?).await
    }

    /// The latest jobs that pass the filter, at most `limit` of them, newest first.
    ///
    /// This is what the server says: the proofs in it are not verified. [`Client::status`] shows
    /// one that is.
    ///
    /// # Errors
    /// The request failed.
    pub async fn jobs(&self, filter: &JobFilter, limit: usize) -> Result<Vec<ProofView>, Error> {
        let JobFilter { circuit, state, tag } = filter.clone();
        let pairs = [
            ("circuit", circuit),
            ("state", state.map(|state| state.to_string())),
            ("tag", tag.map(|(name, value)| format!("{name}:{value}"))),
            ("limit", Some(limit.clamp(1, PAGE_ROWS_MAX).to_string())),
        ];
        let query = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        self.all_pages("/v1/proofs", query.collect(), limit).await
    }
}
