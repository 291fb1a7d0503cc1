//! `/v1/actions`: who asked for what with a right beyond proving.
//!
//! The guard writes an action before its handler runs, so that nothing is done that is not written
//! down, and once more with what was answered. Bodies, queries and keys are not in it.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use zkpool_jobs::{PortError, keys};
use zkpool_ports::{BlobError, BlobKey, Durability};
use zkpool_types::api::Page;
use zkpool_types::{Action, ActionId, ProjectId, Scope};

use crate::endpoints::{Access, Area, Endpoint};
use crate::extract::QueryParams;
use crate::guard::Caller;
use crate::limits::RECORD_BYTES_MAX;
use crate::paging::PageQuery;
use crate::{ApiError, ApiResult, Context};

/// Longest subject, in bytes.
const SUBJECT_BYTES_MAX: usize = 100;

/// The endpoints of this area.
pub fn router(context: &Context) -> Router {
    area().router(context)
}

pub(crate) fn area() -> Area {
    Area::default().serve(Endpoint::ListActions, list)
}

/// What an action is about. The guard takes it from the path; a handler that makes something names
/// that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject(Arc<OnceLock<String>>);

impl Subject {
    /// What the first parameter of the path names. A text that can be no name of ours, such as a key
    /// that was pasted there, is left out.
    fn of_path(endpoint: Endpoint, path: &str) -> Self {
        let subject = Self::default();
        let pattern = endpoint.row().path;
        let mut pairs = pattern.split('/').zip(path.split('/'));
        let named = pairs.find(|(pattern, _)| pattern.starts_with('{')).map(|(_, name)| name);
        if let Some(name) = named.filter(|name| is_name(name)) {
            subject.is(&name);
        }
        subject
    }

    /// Says what it is, once.
    pub(crate) fn is(&self, name: &impl ToString) {
        let _ = self.0.set(name.to_string());
    }

    fn get(&self) -> Option<String> {
        self.0.get().cloned()
    }
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'@')
    };
    text.len() <= SUBJECT_BYTES_MAX && text.bytes().all(known)
}

/// Whether requests to an endpoint are actions.
pub(crate) fn are_actions(endpoint: Endpoint) -> bool {
    let row = endpoint.row();
    let beyond_proving = Access::Key(Scope::Admin) == row.access
        || Access::Key(Scope::Finance) == row.access
        || Access::Key(Scope::Operator) == row.access;
    beyond_proving && row.method != Method::GET
}

/// An action that was written down and is not answered yet.
pub(crate) struct Asked {
    context: Context,
    project: ProjectId,
    action: Action,
    subject: Subject,
}

impl Asked {
    /// Writes down that this is asked for. Where that fails, it must not be done.
    pub(crate) async fn write(
        context: &Context,
        endpoint: Endpoint,
        caller: &Caller,
        request: &mut Request,
    ) -> ApiResult<Self> {
        let subject = Subject::of_path(endpoint, request.uri().path());
        request.extensions_mut().insert(subject.clone());
        let ports = context.ports();
        let action = Action {
            id: ActionId::new(ports.ids.next()),
            asked_at: ports.clock.now(),
            key: caller.key,
            operation: endpoint.operation_id(),
            subject: subject.get(),
            status: None,
        };
        let (context, project) = (context.clone(), caller.project.clone());
        put(&context, &project, &action).await?;
        Ok(Self { context, project, action, subject })
    }

    /// Writes down what was answered. What was done is done, whether or not that can be written.
    pub(crate) async fn answer(self, answered: ApiResult<Response>) -> Response {
        let response = answered.into_response();
        let Self { context, project, action, subject } = self;
        let status = Some(response.status().as_u16());
        let action = Action { subject: subject.get(), status, ..action };
        if let Err(error) = put(&context, &project, &action).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%project, action = %action.id, error, "an answer was not written down");
        }
        response
    }
}

async fn put(context: &Context, project: &ProjectId, action: &Action) -> Result<(), PortError> {
    let key = keys::action(project, action.id);
    let body = serde_json::to_vec(action);
    let body = body.map_err(|source| PortError::Corrupt { key: key.clone(), source })?;
    Ok(context.ports().blobs.put(&key, body.into(), Durability::Durable).await?)
}

/// Actions in the order in which they were asked for.
async fn list(
    State(context): State<Context>,
    caller: Caller,
    QueryParams(page): QueryParams<PageQuery>,
) -> ApiResult<Json<Page<Action>>> {
    let (after, limit) = (page.after::<ActionId>()?, page.limit()?);
    let prefix = keys::actions(&caller.project);
    let after = after.map(|id| keys::action(&caller.project, id));
    let after = after.as_ref().map(BlobKey::as_str);
    let mut names = context.ports().blobs.list(&prefix, after, limit + 1).await?;
    let more = names.len() > limit;
    names.truncate(limit);
    let mut items = Vec::with_capacity(names.len());
    for name in &names {
        items.extend(read(&context, name).await?);
    }
    let next = items.last().filter(|_| more).map(|action| action.id.to_string());
    Ok(Json(Page { items, next }))
}

async fn read(context: &Context, name: &BlobKey) -> ApiResult<Option<Action>> {
    match context.ports().blobs.get(name, RECORD_BYTES_MAX).await {
        Ok(body) => {
            serde_json::from_slice(&body).map(Some).map_err(|error| ApiError::unavailable(&error))
        }
        Err(BlobError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_names_is_kept_and_a_pasted_key_is_not() {
        let named = |path: &str| Subject::of_path(Endpoint::RevokeKey, path).get();
        let id = "018f2e7a-0000-7000-8000-000000000001";
        assert_eq!(named(&format!("/v1/keys/{id}")).as_deref(), Some(id));
        assert_eq!(named(&format!("/v1/keys/zkp_{}", "0".repeat(64))), None);
        assert_eq!(named(&format!("/v1/keys/{}", "0".repeat(SUBJECT_BYTES_MAX + 1))), None);
        assert_eq!(Subject::of_path(Endpoint::CreateKey, "/v1/keys").get(), None);
    }

    #[test]
    fn whatever_changes_keys_webhooks_budgets_and_books_is_an_action() {
        let actions = Endpoint::ALL.iter().filter(|endpoint| are_actions(**endpoint));
        let names: Vec<_> = actions.map(|endpoint| endpoint.operation_id()).collect();
        let expected = [
            "setPublication",
            "putBudgets",
            "createKey",
            "revokeKey",
            "createWebhook",
            "removeWebhook",
            "rotateWebhookSecret",
            "testWebhook",
            "replayDelivery",
            "closeMonth",
            "correctCharge",
        ];
        assert_eq!(names, expected);
    }
}
