//! `/v1/proofs/{id}/events` and `/v1/events`: server-sent events (HTML Standard, section 9.2).
//!
//! Every event is a [`ProofEvent`] under the name `proof`. Its id goes into the header
//! `Last-Event-ID` of the request that goes on where a stream ended: a stream of one job tells only
//! what is new, and one of a project leaves nothing out and may repeat what ended lately. The stream
//! of a job ends after its last event; asked once more, the answer is 204, which tells browsers to
//! stop. A stream of a project has no end, but the server closes every stream after a while, so
//! that a revoked key does not listen on.
//!
//! These endpoints need a server that sends its answers as they come. An HTTP API of AWS in front
//! of functions does not, so that they are not part of a deployment of functions; there, clients
//! wait at `GET /v1/proofs/{id}?wait=20`.

use std::convert::Infallible;
use std::future::pending;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::time::timeout;
use utoipa::openapi::Required;
use zkpool_jobs::{Cursor, JobError, JobWatch, ProjectWatch};
use zkpool_types::ErrorCode;
use zkpool_types::api::{ProofEvent, ProofView};

use crate::endpoints::{Area, Endpoint};
use crate::extract::PathParam;
use crate::guard::Caller;
use crate::limits::{EVENT_HEARTBEAT, EVENT_STREAM_MAX};
use crate::openapi::{Gives, Reply, Sketch, Takes, matching};
use crate::proofs::job_id;
use crate::streams::Slot;
use crate::{ApiError, ApiResult, Context};

/// What browsers send when they ask again.
const LAST_EVENT_ID: http::HeaderName = http::HeaderName::from_static("last-event-id");

/// Length of the id that an event of ours can have, in bytes: a job's id.
const EVENT_ID_BYTES_MAX: usize = 36;

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default()
        .serve(Endpoint::ProofEvents, of_proof)
        .serve(Endpoint::ProjectEvents, of_project)
}

async fn of_proof(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
    LastEventId(told): LastEventId,
) -> ApiResult<Reply<EventsOfProof>> {
    let job = job_id(&id)?;
    let view = context.jobs().view(&caller.project, job).await?;
    if view.state.is_terminal() && told.as_deref() == Some(view.state.name()) {
        return Ok(StatusCode::NO_CONTENT.into_response().into());
    }
    let slot = context.streams().take(&caller.project)?;
    let watch = context.jobs().watch(&caller.project, job, told);
    let events = stream::unfold(watch, async |mut watch: JobWatch| {
        let (id, view) = logged(watch.next().await)??;
        Some((event(id, view), watch))
    });
    Ok(answer(&context, slot, events).into())
}

async fn of_project(
    State(context): State<Context>,
    caller: Caller,
    LastEventId(told): LastEventId,
) -> ApiResult<Reply<Events>> {
    let from = told.as_deref().map(cursor).transpose()?;
    let slot = context.streams().take(&caller.project)?;
    let watch = context.jobs().watch_project(&caller.project, from);
    let events = stream::unfold(watch, async |mut watch: ProjectWatch| {
        let (Cursor(id), view) = logged(watch.next().await)?;
        Some((event(id.to_string(), view), watch))
    });
    Ok(answer(&context, slot, events).into())
}

/// Where a stream that was cut goes on.
struct LastEventId(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let Some(value) = parts.headers.get(LAST_EVENT_ID) else { return Ok(Self(None)) };
        match value.to_str() {
            Ok(text) if text.len() <= EVENT_ID_BYTES_MAX => {
                Ok(Self(Some(text.to_owned()).filter(|id| !id.is_empty())))
            }
            _ => Err(not_an_event_id()),
        }
    }
}

impl Takes for LastEventId {
    fn takes(sketch: &mut Sketch) {
        let about = "The id of the last event that was read, to go on after it.";
        let id = matching("^[ -~]{0,36}$");
        sketch.header(LAST_EVENT_ID.as_str(), Required::False, about, id);
        sketch.refuses(&[ErrorCode::InvalidRequest]);
    }
}

/// A stream of events as the document has it.
struct Events;

impl Gives for Events {
    fn gives(sketch: &mut Sketch) {
        let about = "Events named `proof`, each of which has a `ProofEvent` as its data.";
        sketch.answers_text(200, about, "text/event-stream");
        sketch.mentions::<ProofEvent>();
    }
}

/// A stream that has an end.
struct EventsOfProof;

impl Gives for EventsOfProof {
    fn gives(sketch: &mut Sketch) {
        Events::gives(sketch);
        sketch.answers_empty(204, "The last event was read already.");
    }
}

fn cursor(text: &str) -> ApiResult<Cursor> {
    text.parse().map(Cursor).map_err(|_| not_an_event_id())
}

fn not_an_event_id() -> ApiError {
    ApiError::invalid_request("expected the header Last-Event-ID to be the id of an event")
}

/// A failure ends the stream: its reader asks again from the last event on.
fn logged<T>(told: Result<T, JobError>) -> Option<T> {
    told.inspect_err(|error| tracing::warn!(%error, "a stream of events ends early")).ok()
}

fn event(id: String, view: ProofView) -> Event {
    let event = Event::default().id(id).event("proof");
    // Serialisation fails only for want of memory; an event without data is none to its readers.
    event.clone().json_data(ProofEvent::from(view)).unwrap_or(event)
}

/// The events as they come, until the server drains or the stream is old.
fn answer<S>(context: &Context, slot: Slot, events: S) -> Response
where
    S: Stream<Item = Event> + Send + 'static,
{
    let draining = context.draining().clone();
    let events = events
        .map(Ok::<_, Infallible>)
        .take_until(draining.cancelled_owned())
        // A timeout around what never ends is a sleep on the network's own time.
        .take_until(timeout(EVENT_STREAM_MAX, pending::<()>()))
        .inspect(move |_| {
            let _held = &slot;
        });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(EVENT_HEARTBEAT));
    // What is said of a job is for its requester, on no disk in between.
    ([(header::CACHE_CONTROL, "no-store")], events).into_response()
}

/// Too many streams are open.
pub(crate) fn too_many_streams(whose: &str, max: usize) -> ApiError {
    let detail = format!("expected at most {max} streams of events {whose} at once; ask with wait");
    ApiError::new(ErrorCode::Unavailable, detail)
}
