//! The one table of every endpoint: method, path, who may call it, how large, how long.
//!
//! A handler can only be mounted under a row of this table, and tests go over the rows with
//! exhaustive matches, so that an endpoint without a scope or without a test does not build.

use std::time::Duration;

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, Router, on};
use zkpool_types::Scope;
use zkpool_types::limits::{INLINE_BODY_BYTES_MAX, JSON_BODY_BYTES_MAX, UPLOAD_BYTES_MAX};

use crate::Context;
use crate::dashboard;
use crate::guard::{Gate, guard};
use crate::limits::{
    BUDGET_TIMEOUT, REGISTER_TIMEOUT, REPORT_TIMEOUT, REQUEST_TIMEOUT, SUBMIT_TIMEOUT,
    UPLOAD_TIMEOUT, WAIT_TIMEOUT,
};
use crate::openapi::{Documented, Sketch};

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever knows the signed address; its handler checks the signature.
    SignedAddress,
    /// The bearer of a key with this scope.
    Key(Scope),
    /// Whoever signed in with a key of this scope. Others are shown the way to do so.
    Session(Scope),
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The method.
    pub method: Method,
    /// What it is for, in a sentence or two.
    pub summary: &'static str,
    /// The path in the syntax of axum, parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Largest body, in bytes.
    pub body_bytes_max: u64,
    /// Longest time from the request's head to the response.
    pub timeout: Duration,
}

macro_rules! endpoints {
    ($($(#[doc = $doc:literal])+ $name:ident = $method:ident $path:literal, $access:expr, $body:expr, $timeout:expr;)*) => {
        /// An operation of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Endpoint {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Endpoint {
            /// Every endpoint.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, as the document of the API has it, such as `submitProof`.
            #[must_use]
            pub fn operation_id(self) -> String {
                let name = match self {
                    $(Self::$name => stringify!($name),)*
                };
                let (first, rest) = name.split_at(1);
                format!("{}{rest}", first.to_ascii_lowercase())
            }

            /// The endpoint's row of the table.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        method: Method::$method,
                        summary: concat!($($doc),+),
                        path: $path,
                        access: $access,
                        body_bytes_max: $body,
                        timeout: $timeout,
                    },)*
                }
            }
        }
    };
}

/// A body that carries no artifact, or none at all.
const SMALL: u64 = JSON_BODY_BYTES_MAX as u64;

/// A body that may carry an artifact.
const INLINE: u64 = INLINE_BODY_BYTES_MAX as u64;

const SUBMIT: Access = Access::Key(Scope::Submit);
const READ: Access = Access::Key(Scope::Read);
const ADMIN: Access = Access::Key(Scope::Admin);
const FINANCE: Access = Access::Key(Scope::Finance);
const OPERATOR: Access = Access::Key(Scope::Operator);
const SIGNED_IN: Access = Access::Session(Scope::Finance);

endpoints! {
    /// Names the service and its version, or sends a browser to the dashboard.
    Index = GET "/", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Whether the process answers.
    Health = GET "/healthz", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Whether storage and queue answer.
    Readiness = GET "/readyz", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Registers a circuit.
    RegisterCircuit = POST "/v1/circuits", SUBMIT, INLINE, REGISTER_TIMEOUT;
    /// Lists circuits.
    ListCircuits = GET "/v1/circuits", READ, SMALL, REQUEST_TIMEOUT;
    /// Shows one circuit.
    ShowCircuit = GET "/v1/circuits/{circuit}", READ, SMALL, REQUEST_TIMEOUT;
    /// Returns a circuit's verification key.
    VerificationKey = GET "/v1/circuits/{circuit}/verification-key", READ, SMALL, REQUEST_TIMEOUT;
    /// Returns how proofs of a circuit went, as a whole and by day.
    Performance = GET "/v1/circuits/{circuit}/performance", READ, SMALL, REPORT_TIMEOUT;
    /// Publishes how proofs of a circuit go, or takes it back.
    SetPublication = PUT "/v1/circuits/{circuit}/publication", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Returns how proofs of published circuits go.
    PublicPerformance = GET "/v1/performance", Access::Public, SMALL, REPORT_TIMEOUT;
    /// Quotes what proofs will cost.
    CreateQuote = POST "/v1/quotes", READ, SMALL, REQUEST_TIMEOUT;
    /// Shows the budgets of the project and where they stand.
    ShowBudgets = GET "/v1/budgets", FINANCE, SMALL, BUDGET_TIMEOUT;
    /// Sets the budgets of the project.
    PutBudgets = PUT "/v1/budgets", FINANCE, SMALL, BUDGET_TIMEOUT;
    /// Submits a proof request.
    SubmitProof = POST "/v1/proofs", SUBMIT, INLINE, SUBMIT_TIMEOUT;
    /// Lists proof requests.
    ListProofs = GET "/v1/proofs", READ, SMALL, REQUEST_TIMEOUT;
    /// Shows one proof request.
    ShowProof = GET "/v1/proofs/{id}", READ, SMALL, WAIT_TIMEOUT;
    /// Streams what happens to one proof request.
    ProofEvents = GET "/v1/proofs/{id}/events", READ, SMALL, REQUEST_TIMEOUT;
    /// Streams what happens to the proof requests of a project.
    ProjectEvents = GET "/v1/events", READ, SMALL, REQUEST_TIMEOUT;
    /// Cancels a proof request.
    CancelProof = POST "/v1/proofs/{id}/cancel", SUBMIT, SMALL, REQUEST_TIMEOUT;
    /// Announces an upload.
    CreateUpload = POST "/v1/uploads", SUBMIT, SMALL, REQUEST_TIMEOUT;
    /// Receives the bytes of an upload.
    ReceiveUpload = PUT "/v1/uploads/{id}", Access::SignedAddress, UPLOAD_BYTES_MAX, UPLOAD_TIMEOUT;
    /// Creates a key.
    CreateKey = POST "/v1/keys", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Lists keys.
    ListKeys = GET "/v1/keys", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Revokes a key.
    RevokeKey = DELETE "/v1/keys/{id}", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Lists what was asked for with a right to change keys, webhooks, budgets or books.
    ListActions = GET "/v1/actions", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Creates a webhook.
    CreateWebhook = POST "/v1/webhooks", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Lists webhooks.
    ListWebhooks = GET "/v1/webhooks", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Removes a webhook.
    RemoveWebhook = DELETE "/v1/webhooks/{id}", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Replaces the secret of a webhook.
    RotateWebhookSecret = POST "/v1/webhooks/{id}/secret", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Sends an event to a webhook that says nothing.
    TestWebhook = POST "/v1/webhooks/{id}/test", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Lists what was sent to webhooks.
    ListDeliveries = GET "/v1/webhooks/deliveries", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Shows one delivery.
    ShowDelivery = GET "/v1/webhooks/deliveries/{id}", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Has a delivery tried again.
    ReplayDelivery = POST "/v1/webhooks/deliveries/{id}/replay", ADMIN, SMALL, REQUEST_TIMEOUT;
    /// Reports costs, as JSON or as a file for finance tools.
    Costs = GET "/v1/costs", FINANCE, SMALL, REPORT_TIMEOUT;
    /// Reports what the fleet cost, beside what was charged for it.
    FleetCosts = GET "/v1/costs/fleet", OPERATOR, SMALL, REPORT_TIMEOUT;
    /// Closes a month of a project.
    CloseMonth = POST "/v1/costs/closings", OPERATOR, SMALL, REPORT_TIMEOUT;
    /// Adds to what a job was charged, or takes from it.
    CorrectCharge = POST "/v1/costs/corrections", OPERATOR, SMALL, REQUEST_TIMEOUT;
    /// Shows the receipt of a job and where it is in the chain.
    ShowReceipt = GET "/v1/proofs/{id}/receipt", FINANCE, SMALL, REQUEST_TIMEOUT;
    /// Lists the chain of receipts.
    Chain = GET "/v1/chain", FINANCE, SMALL, REQUEST_TIMEOUT;
    /// Shows the published root of a day.
    DailyRoot = GET "/v1/roots/{date}", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// The form that asks for a key.
    SignInPage = GET "/dashboard/sign-in", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Begins a session.
    SignIn = POST "/dashboard/sign-in", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Ends a session.
    SignOut = POST "/dashboard/sign-out", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// What the project spends, and how fast its proofs are.
    OverviewPage = GET "/dashboard", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// A cost report in the grouping that is asked for.
    CostsPage = GET "/dashboard/costs", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// A cost report as a file.
    DownloadCosts = GET "/dashboard/costs/download", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// The project's jobs.
    JobsPage = GET "/dashboard/jobs", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// One job with its receipt.
    JobPage = GET "/dashboard/jobs/{id}", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// The receipt of a job as a file.
    DownloadReceipt = GET "/dashboard/jobs/{id}/receipt", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// The queue, and what proves.
    FleetPage = GET "/dashboard/fleet", SIGNED_IN, SMALL, REQUEST_TIMEOUT;
    /// The project's budgets and where they stand.
    BudgetsPage = GET "/dashboard/budgets", SIGNED_IN, SMALL, BUDGET_TIMEOUT;
    /// Describes this API, as OpenAPI 3.1.
    OpenApi = GET "/openapi.json", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Describes this API for people.
    ReferencePage = GET "/docs", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Lists every code of a problem, what it means and what to do about it.
    ErrorsPage = GET "/docs/errors", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// Where the type of a problem leads.
    ProblemType = GET "/problems/{code}", Access::Public, SMALL, REQUEST_TIMEOUT;
    /// How proofs of published circuits go.
    PerformancePage = GET "/performance", Access::Public, SMALL, REPORT_TIMEOUT;
    /// Style, script and icon of the pages.
    Asset = GET "/assets/{file}", Access::Public, SMALL, REQUEST_TIMEOUT;
}

/// Makes the route of an endpoint for a process.
type Mount = Box<dyn FnOnce(&Context) -> MethodRouter<Context>>;

/// One endpoint with its handler.
struct Served {
    endpoint: Endpoint,
    mount: Mount,
    sketch: fn() -> Sketch,
}

/// The endpoints of one area, each behind the guard that its row of the table asks for.
#[derive(Default)]
pub(crate) struct Area {
    served: Vec<Served>,
    is_pages: bool,
}

impl Area {
    /// An area whose answers are pages.
    pub(crate) fn of_pages() -> Self {
        Self { is_pages: true, ..Self::default() }
    }

    /// Serves `endpoint` with `handler`.
    pub(crate) fn serve<H, T>(mut self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, Context> + Documented<T>,
        T: 'static,
    {
        let mount = Box::new(move |context: &Context| {
            let gate = Gate::new(context.clone(), endpoint);
            let route = on(filter(&endpoint.row().method), handler);
            route.route_layer(from_fn_with_state(gate, guard))
        });
        self.served.push(Served { endpoint, mount, sketch: H::sketch });
        self
    }

    /// The endpoints of both areas.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.served.extend(other.served);
        self
    }

    /// The endpoints as a router.
    pub(crate) fn router(self, context: &Context) -> Router {
        let mount = |router: Router<Context>, Served { endpoint, mount, .. }| {
            router.route(endpoint.row().path, mount(context))
        };
        let routes = self.served.into_iter().fold(Router::new(), mount);
        let routes = routes.with_state(context.clone());
        if self.is_pages {
            return routes.layer(from_fn_with_state(context.clone(), dashboard::protect));
        }
        routes
    }

    /// What each endpoint takes and gives.
    pub(crate) fn sketches(&self) -> impl Iterator<Item = (Endpoint, Sketch)> {
        self.served.iter().map(|served| (served.endpoint, (served.sketch)()))
    }
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_named_endpoints_go_without_a_key() {
        let open: Vec<_> = Endpoint::ALL
            .iter()
            .filter(|endpoint| {
                !matches!(endpoint.row().access, Access::Key(_) | Access::Session(_))
            })
            .collect();
        assert_eq!(
            open,
            [
                &Endpoint::Index,
                &Endpoint::Health,
                &Endpoint::Readiness,
                &Endpoint::PublicPerformance,
                &Endpoint::ReceiveUpload,
                &Endpoint::DailyRoot,
                &Endpoint::SignInPage,
                &Endpoint::SignIn,
                &Endpoint::OpenApi,
                &Endpoint::ReferencePage,
                &Endpoint::ErrorsPage,
                &Endpoint::ProblemType,
                &Endpoint::PerformancePage,
                &Endpoint::Asset,
            ]
        );
    }

    #[test]
    fn every_page_of_a_session_is_where_its_cookie_is_sent() {
        for endpoint in Endpoint::ALL {
            let row = endpoint.row();
            let has_session = matches!(row.access, Access::Session(_));
            assert!(!has_session || row.path.starts_with("/dashboard"), "{}", row.path);
        }
    }

    #[test]
    fn no_two_endpoints_share_method_and_path() {
        let rows: HashSet<_> = Endpoint::ALL
            .iter()
            .map(|endpoint| (endpoint.row().method, endpoint.row().path))
            .collect();
        assert_eq!(rows.len(), Endpoint::ALL.len());
    }
}
