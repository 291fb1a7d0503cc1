//! The jobs of the project, newest first.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use zkpool_jobs::JobFilter;
use zkpool_types::api::ProofView;
use zkpool_types::{JobId, JobState};

use crate::dashboard::SignedIn;
use crate::dashboard::format::{self, Amount};
use crate::dashboard::page::{Frame, Moment, Page, Section};
use crate::extract::QueryParams;
use crate::paging::cursor;
use crate::proofs::split_tag;
use crate::{ApiResult, Context};

/// Jobs on one page: few enough that their records are read within a moment.
const ROWS: usize = 50;

/// The query of the page. Fields of a form that were left empty restrict nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobsQuery {
    /// Only in this state.
    #[serde(default)]
    state: String,
    /// Only of this circuit.
    #[serde(default)]
    circuit: String,
    /// Only with this tag: `name:value`.
    #[serde(default)]
    tag: String,
    /// Only after this job.
    after: Option<String>,
}

impl JobsQuery {
    fn filter(&self) -> ApiResult<JobFilter> {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let state = given(&self.state).map(|state| state_of(&state)).transpose()?;
        let tag = given(&self.tag).map(|tag| split_tag(&tag)).transpose()?;
        Ok(JobFilter { circuit: given(&self.circuit), state, tag })
    }

    /// The address of the page that goes on from `after`.
    fn older(&self, after: &str) -> String {
        let fields = [
            ("state", &*self.state),
            ("circuit", &self.circuit),
            ("tag", &self.tag),
            ("after", after),
        ];
        let given: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        format!("/dashboard/jobs?{}", serde_urlencoded::to_string(given).unwrap_or_default())
    }
}

fn state_of(text: &str) -> ApiResult<JobState> {
    let found = STATES.into_iter().find(|state| state.name() == text);
    found.ok_or_else(|| crate::ApiError::invalid_request("at state: expected a state of a job"))
}

const STATES: [JobState; 6] = [
    JobState::Queued,
    JobState::Proving,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
    JobState::Expired,
];

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    frame: Frame,
    query: JobsQuery,
    rows: Vec<JobRow>,
    older: Option<String>,
}

impl JobsPage {
    #[expect(clippy::unused_self, reason = "templates reach functions through values")]
    fn states(&self) -> [&'static str; 6] {
        STATES.map(JobState::name)
    }

    fn is_filtered(&self) -> bool {
        let JobsQuery { state, circuit, tag, after: _ } = &self.query;
        [state, circuit, tag].iter().any(|text| !text.is_empty())
    }
}

/// A job in a list.
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) accepted: Moment,
    pub(crate) circuit: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) state: &'static str,
    pub(crate) device: String,
    pub(crate) device_ms: String,
    pub(crate) charge: Option<Amount>,
}

impl From<ProofView> for JobRow {
    fn from(view: ProofView) -> Self {
        let receipt = view.receipt.as_ref();
        let device = receipt.and_then(|receipt| receipt.device.as_ref());
        Self {
            id: view.id,
            accepted: view.accepted_at.into(),
            circuit: view.circuit.to_string(),
            state: view.state.name(),
            device: device.map_or_else(String::new, ToString::to_string),
            device_ms: device
                .and(receipt)
                .map_or_else(String::new, |r| format::milliseconds(r.usage.device_us)),
            charge: receipt.map(|receipt| receipt.charge_nano_usd.into()),
            tags: view.tags.into_iter().collect(),
        }
    }
}

pub(crate) async fn page(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
    QueryParams(query): QueryParams<JobsQuery>,
) -> ApiResult<Page<impl Template>> {
    let (filter, before) = (query.filter()?, cursor(query.after.as_deref())?);
    let page = context.jobs().list(&signed_in.caller.project, &filter, before, ROWS).await?;
    Ok(Page(JobsPage {
        frame: Frame::new(Section::Jobs, &signed_in),
        older: page.next.map(|next| query.older(&next)),
        rows: page.items.into_iter().map(JobRow::from).collect(),
        query,
    }))
}
