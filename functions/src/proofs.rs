//! `/v1/proofs`: proof requests, from submission to outcome.
//!
//! A submission is answered with 202 and `Location` where it made a job, and with 200, `Location`
//! and `Idempotency-Replayed: true` where the same key and body had made it before. The key is
//! spent only by a request that is accepted: a refused one can be mended and sent with it again.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_jobs::{JobError, JobFilter, NewJob, SubmitError, Submitted, keys};
use zkpool_ports::BlobError;
use zkpool_types::api::{Page, ProofView, SubmitProof};
use zkpool_types::limits::WAIT_S_MAX;
use zkpool_types::{
    AgreedPrice, ErrorCode, IdempotencyRecord, JobId, JobState, ProjectId, Sha256Digest,
    TraceParent,
};

use crate::circuits::resolve;
use crate::endpoints::{Area, Endpoint};
use crate::extract::{CallTrace, IdempotencyKey, JsonBody, PathParam, QueryParams};
use crate::guard::Caller;
use crate::limits::RECORD_BYTES_MAX;
use crate::openapi::{Gives, Sketch};
use crate::paging::{cursor, rows};
use crate::price::Terms;
use crate::witness::Given;
use crate::{ApiError, ApiResult, Context, witness};

/// Marks the answer to a submission that made no new job.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    submission_area().and(status_area())
}

/// The endpoints that change something.
pub fn submission_router(context: &Context) -> Router {
    submission_area().router(context)
}

fn submission_area() -> Area {
    Area::default().serve(Endpoint::SubmitProof, submit).serve(Endpoint::CancelProof, cancel)
}

/// The endpoints that only read.
pub fn status_router(context: &Context) -> Router {
    status_area().router(context)
}

fn status_area() -> Area {
    Area::default().serve(Endpoint::ListProofs, list).serve(Endpoint::ShowProof, show)
}

async fn submit(
    State(context): State<Context>,
    Caller { project, .. }: Caller,
    IdempotencyKey(key): IdempotencyKey,
    CallTrace(trace): CallTrace,
    body: JsonBody<SubmitProof>,
) -> ApiResult<AcceptedJob> {
    let submission = Submission { context: &context, project, key, digest: body.digest, trace };
    match submission.accept(body.value).await {
        Ok(accepted) => Ok(accepted),
        Err(refusal) => submission.earlier_job().await?.ok_or(refusal),
    }
}

/// Who submits, under which key, and the digest of the body.
struct Submission<'a> {
    context: &'a Context,
    project: ProjectId,
    key: String,
    digest: Sha256Digest,
    trace: Option<TraceParent>,
}

impl Submission<'_> {
    /// The job that the request makes, or made before.
    async fn accept(&self, body: SubmitProof) -> ApiResult<AcceptedJob> {
        let SubmitProof { circuit, witness, inputs, tags, deadline, quote, max_price_nano_usd } =
            body;
        refuse_colons(&tags)?;
        let given = Given::of(witness, inputs)?;
        let manifest = resolve(self.context, &self.project, &circuit).await?;
        let witness = witness::admit(self.context, &manifest, &given).await?;
        let budgeted = self.context.budgets().apply(&self.project, &tags).await?;
        // What is there already has its price, and is not reserved for again.
        if budgeted && let Some(job) = self.earlier_job().await? {
            return Ok(job);
        }
        let terms = Terms {
            project: &self.project,
            submission: Sha256Digest::of(self.key.as_bytes()),
            tags: &tags,
            quote: quote.as_deref(),
            max: max_price_nano_usd,
            budgeted,
        };
        let price = terms.agree(self.context, &manifest).await?;
        let new = NewJob {
            project: self.project.clone(),
            idempotency_key: self.key.clone(),
            body_digest: self.digest,
            circuit: manifest.circuit,
            witness,
            tags: tags.clone(),
            deadline,
            price: price.clone(),
            trace: self.trace.clone(),
        };
        self.submit(new, &terms, price).await
    }

    /// Submits, and gives back what was reserved where that made no new job.
    async fn submit(
        &self,
        new: NewJob,
        terms: &Terms<'_>,
        price: Option<AgreedPrice>,
    ) -> ApiResult<AcceptedJob> {
        let submitted = self.context.jobs().submit(new).await;
        let unused = match &submitted {
            Ok(submitted) => submitted.request.price != price,
            // Whether a failed write happened is not known: its reservation is looked at later.
            Err(error) => error.code() != ErrorCode::Unavailable,
        };
        if let Some(price) = price.filter(|_| unused) {
            terms.take_back(self.context, &price).await;
        }
        let Submitted { request, replayed } = submitted?;
        let jobs = self.context.jobs();
        let view = match replayed {
            true => jobs.view(&self.project, request.id).await?,
            false => jobs.view_accepted(request).await?,
        };
        Ok(AcceptedJob { view, replayed })
    }

    /// The job that the same key and body made before.
    ///
    /// A repeated request is answered as before also where it would be refused today: its upload
    /// is used up, or the circuit's name means a later version.
    async fn earlier_job(&self) -> ApiResult<Option<AcceptedJob>> {
        let record = keys::idempotency(&self.project, &self.key);
        let json = match self.context.ports().blobs.get(&record, RECORD_BYTES_MAX).await {
            Ok(json) => json,
            Err(BlobError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let record: IdempotencyRecord =
            serde_json::from_slice(&json).map_err(|error| ApiError::internal(&error))?;
        if record.body_digest != self.digest {
            return Err(SubmitError::IdempotencyConflict.into());
        }
        match self.context.jobs().view(&self.project, record.job).await {
            Ok(view) => Ok(Some(AcceptedJob { view, replayed: true })),
            // An earlier call reserved the key and got no further.
            Err(JobError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A list is filtered by `tag=name:value`, where the first colon ends the name.
fn refuse_colons(tags: &BTreeMap<String, String>) -> ApiResult<()> {
    if tags.keys().any(|name| name.contains(':')) {
        return Err(ApiError::invalid_request("at tags: expected names without a colon"));
    }
    Ok(())
}

/// The answer to a submission.
struct AcceptedJob {
    view: ProofView,
    replayed: bool,
}

impl IntoResponse for AcceptedJob {
    fn into_response(self) -> Response {
        let Self { view, replayed } = self;
        let mut headers = HeaderMap::new();
        if let Ok(location) = HeaderValue::try_from(format!("/v1/proofs/{}", view.id)) {
            headers.insert(header::LOCATION, location);
        }
        if !replayed {
            return (StatusCode::ACCEPTED, headers, Json(view)).into_response();
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        (StatusCode::OK, headers, Json(view)).into_response()
    }
}

impl Gives for AcceptedJob {
    fn gives(sketch: &mut Sketch) {
        sketch.answers_json::<ProofView>(202, "The job that this request made.");
        sketch.answers_json::<ProofView>(200, "The job that the same request made before.");
        for status in [200, 202] {
            sketch.answers_header(status, "location", "Where the job is shown.");
        }
        sketch.answers_header(200, REPLAYED.as_str(), "`true`.");
    }
}

/// The query of a status request.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    /// Seconds to wait for the job to end, at most 25.
    #[serde(default)]
    #[param(maximum = 25)]
    wait: u64,
}

async fn show(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
    QueryParams(WaitQuery { wait }): QueryParams<WaitQuery>,
) -> ApiResult<Json<ProofView>> {
    if wait > WAIT_S_MAX {
        let detail = format!("at wait: expected 0 to {WAIT_S_MAX} seconds, found {wait}");
        return Err(ApiError::invalid_request(detail));
    }
    let (job, project) = (job_id(&id)?, &caller.project);
    let ended = context.jobs().wait(project, job, Duration::from_secs(wait));
    match context.draining().run_until_cancelled(ended).await {
        Some(view) => Ok(Json(view?)),
        None => Ok(Json(context.jobs().view(project, job).await?)),
    }
}

async fn cancel(
    State(context): State<Context>,
    caller: Caller,
    PathParam(id): PathParam,
) -> ApiResult<Json<ProofView>> {
    Ok(Json(context.jobs().cancel(&caller.project, job_id(&id)?).await?))
}

/// What is no job id names no job.
pub(crate) fn job_id(text: &str) -> ApiResult<JobId> {
    text.parse().map_err(|_| ApiError::not_found("proof request"))
}

/// The query of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only of this circuit: `name`, or `name@version`.
    circuit: Option<String>,
    /// Only in this state.
    #[param(inline)]
    state: Option<JobState>,
    /// Only with this tag: `name:value`.
    #[param(pattern = ":")]
    tag: Option<String>,
    /// Only after the last page, whose `next` this is.
    #[param(value_type = Option<JobId>)]
    after: Option<String>,
    /// Rows of this page, 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl ListQuery {
    fn filter(self) -> ApiResult<JobFilter> {
        let tag = self.tag.map(|tag| split_tag(&tag)).transpose()?;
        Ok(JobFilter { circuit: self.circuit, state: self.state, tag })
    }
}

pub(crate) fn split_tag(tag: &str) -> ApiResult<(String, String)> {
    let (name, value) = tag.split_once(':').ok_or_else(|| {
        ApiError::invalid_request(format!("at tag: expected name:value, found {tag:?}"))
    })?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Newest first.
async fn list(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(query): QueryParams<ListQuery>,
) -> ApiResult<Json<Page<ProofView>>> {
    let (before, limit) = (cursor(query.after.as_deref())?, rows(query.limit)?);
    let filter = query.filter()?;
    Ok(Json(context.jobs().list(&caller.project, &filter, before, limit).await?))
}
