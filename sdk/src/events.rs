//! Following jobs by server-sent events, or by waiting where a server has none.

use futures_util::{Stream, stream};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout};
use zkpool_types::api::ProofEvent;
use zkpool_types::{AttemptId, JobId, JobState, Stage};

use crate::client::{Call, Client};
use crate::error::{Error, ErrorKind};
use crate::proof::Status;
use crate::retry::{Again, Failure, Repeat, retrying};
use crate::sse::{Event, Parser};
use crate::transport::receive;

/// Where a stream goes on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Time without an event or a heartbeat after which a stream is taken for dead. Servers send a
/// heartbeat every 15 s.
const SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(45);

impl Client {
    /// Follows a job until it ends: every change of its state, stage or attempt, and last how it
    /// ended, with the proof verified. Changes that come and go between two looks of the server are
    /// passed over; the end never is.
    ///
    /// A connection that breaks is made again, and goes on after the last event. Where the server
    /// has no events, as behind an HTTP API of AWS, the job is waited for by requests that the
    /// server answers after 20 s or when it ends: the end comes as early, fewer stages come before.
    ///
    /// ```no_run
    /// use std::pin::pin;
    ///
    /// use futures_util::StreamExt;
    /// use zkpool_sdk::{Client, JobId, Status};
    ///
    /// # async fn example(client: Client, job: JobId) -> Result<(), zkpool_sdk::Error> {
    /// let mut changes = pin!(client.stream(job));
    /// while let Some(status) = changes.next().await {
    ///     match status? {
    ///         Status::Open(view) => println!("{} {:?}", view.state, view.stage),
    ///         Status::Proved(proof) => println!("proved: {:?}", proof.public_inputs()),
    ///         Status::NotProved(ended) => println!("{ended}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self, job: JobId) -> impl Stream<Item = Result<Status, Error>> + Send + use<> {
        let follower = Follower {
            events: Events::new(self, format!("/v1/proofs/{job}/events"), None),
            job,
            seen: None,
            way: Way::Events,
        };
        stream::unfold(follower, async |mut follower| {
            let status = follower.next().await.transpose()?;
            Some((status, follower))
        })
    }

    /// Follows every job of the project without end: those accepted from now on, or, with the id
    /// of an event that an earlier stream gave ([`ProjectEvent::id`]), from there on.
    ///
    /// Nothing is left out between two streams; what ended shortly before the first one broke off
    /// may be told again. The server follows the latest 4096 jobs.
    ///
    /// # Errors
    /// In the stream, after which it ends: the server has no events
    /// ([`NotFound`](ErrorKind::NotFound)), or cannot be reached within the client's retries.
    pub fn project_events(
        &self,
        after: Option<String>,
    ) -> impl Stream<Item = Result<ProjectEvent, Error>> + Send + use<> {
        let events = Some(Events::new(self, "/v1/events".to_owned(), after));
        stream::unfold(events, async |events| {
            let mut events = events?;
            match events.next().await {
                Ok(Some((id, event))) => Some((Ok(ProjectEvent { id, event }), Some(events))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// What happened to a job of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectEvent {
    /// Where another stream goes on after this event.
    pub id: Option<String>,
    /// The standing of the job.
    pub event: ProofEvent,
}

/// How the follower of one job hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By events.
    Events,
    /// By waiting, where there are none.
    Waiting,
    /// Not any more: it has ended, or an error was told.
    Done,
}

/// What makes two views of a job different to whoever follows it.
type Standing = (JobState, Option<Stage>, Option<AttemptId>);

struct Follower {
    events: Events,
    job: JobId,
    seen: Option<Standing>,
    way: Way,
}

impl Follower {
    /// The next status that differs from the one before, or `None` after the end.
    async fn next(&mut self) -> Result<Option<Status>, Error> {
        let told = match self.way {
            Way::Done => return Ok(None),
            Way::Events => self.hear().await,
            Way::Waiting => self.wait().await,
        };
        if told.as_ref().map_or(true, Status::has_ended) {
            self.way = Way::Done;
        }
        told.map(Some)
    }

    /// The status after the next event, or what waiting says where no more events can be had.
    async fn hear(&mut self) -> Result<Status, Error> {
        loop {
            match self.events.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return self.look().await,
                Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, job = %self.job, "no events; waiting instead");
                    self.way = Way::Waiting;
                    return self.wait().await;
                }
            }
            let status = self.events.client.status(self.job).await?;
            if self.is_news(&status) {
                return Ok(status);
            }
        }
    }

    async fn wait(&mut self) -> Result<Status, Error> {
        if self.seen.is_none() {
            return self.look().await;
        }
        let client = self.events.client.clone();
        let deadline = Instant::now() + client.0.settings.patience;
        loop {
            let view = client.look(self.job, deadline).await?;
            let status = client.checked_status(view).await?;
            if self.is_news(&status) {
                return Ok(status);
            }
        }
    }

    /// How the job stands now, news or not.
    async fn look(&mut self) -> Result<Status, Error> {
        let status = self.events.client.status(self.job).await?;
        self.is_news(&status);
        Ok(status)
    }

    /// Whether this differs from the status before, which it is from now on.
    fn is_news(&mut self, status: &Status) -> bool {
        let view = status.view();
        let standing = Some((view.state, view.stage, view.attempt.map(|attempt| attempt.id)));
        std::mem::replace(&mut self.seen, standing) != standing
    }
}

/// A stream of events that is connected again wherever it breaks off.
struct Events {
    client: Client,
    path: String,
    last: Option<String>,
    open: Option<Open>,
}

/// A connection with events.
struct Open {
    response: Response,
    parser: Parser,
    ready: std::collections::VecDeque<Event>,
}

impl Events {
    fn new(client: &Client, path: String, last: Option<String>) -> Self {
        Self { client: client.clone(), path, last, open: None }
    }

    /// The next event and its id, or `None` where the server has said that there are no more.
    async fn next(&mut self) -> Result<Option<(Option<String>, ProofEvent)>, Error> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(response) = self.connect().await? else { return Ok(None) };
                self.open = Some(Open::new(response));
                continue;
            };
            match open.next().await {
                Some(Event { id, data }) => {
                    self.last = id.clone().or_else(|| self.last.take());
                    let event = serde_json::from_str(&data).map_err(|error| Error::BadAnswer {
                        what: "an event",
                        source: error.into(),
                    })?;
                    return Ok(Some((id, event)));
                }
                // However it ended, it goes on where it was.
                None => self.open = None,
            }
        }
    }

    /// Connects within the client's retries. There are no more events where this is `None`.
    async fn connect(&self) -> Result<Option<Response>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let last = self.last.as_deref().and_then(|id| HeaderValue::from_str(id).ok());
        headers.extend(last.map(|id| (LAST_EVENT_ID, id)));
        let call = Call::get(&self.path).headers(headers);
        let retries = self.client.0.settings.retries;
        let deadline = Instant::now() + self.client.0.settings.deadline;
        retrying(retries, Repeat::Harmless, deadline, || self.attempt(&call)).await
    }

    async fn attempt(&self, call: &Call) -> Result<Option<Response>, Failure> {
        let (client, within) = (&self.client, self.client.0.settings.answer_timeout);
        let response = client.send(client.request(call)?, within).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let is_stream = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|of| of.to_str().is_ok_and(|text| text.starts_with("text/event-stream")));
        if response.status().is_success() && is_stream {
            return Ok(Some(response));
        }
        receive(client.server(), response, within).await?;
        let source = "expected events".into();
        Err(Failure { error: Error::BadAnswer { what: "an answer", source }, again: None::<Again> })
    }
}

impl Open {
    fn new(response: Response) -> Self {
        Self { response, parser: Parser::default(), ready: std::collections::VecDeque::new() }
    }

    /// The next event, or `None` where the connection has ended.
    async fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            let piece = timeout(SILENCE_MAX, self.response.chunk()).await.ok()?.ok()??;
            self.ready.extend(self.parser.push(&piece).ok()?);
        }
        self.ready.pop_front()
    }
}
