//! Tests that go over every row of the table of endpoints. The matches are exhaustive: an
//! endpoint without a case does not compile.

use serde_json::json;
use zkpool_functions::endpoints::{Access, Endpoint};
use zkpool_types::{Scope, Sha256Digest};

use crate::harness::{Api, Call, Member, WITNESS, inline, registration};

/// An id that names nothing.
const NOBODY: &str = "018f2e7a-0000-7000-8000-000000000001";

/// The query of a report as a file.
const FILE: &str = "from=2026-01-01&to=2026-01-31&format=csv";

/// A project with one object of every kind.
pub(crate) struct Owned {
    pub(crate) circuit: String,
    pub(crate) job: String,
    upload: String,
    upload_url: String,
    key_id: String,
    pub(crate) ended: String,
    webhook: String,
    delivery: String,
    pub(crate) member: Member,
}

impl Owned {
    pub(crate) async fn new(api: &Api) -> Self {
        let member = api.member("owner").await;
        let key = member.key.as_str();
        let circuit = api.register(key, "multiplier").await;
        let ended = api.submit(key, &circuit, "ended").await;
        api.send(Call::post(format!("/v1/proofs/{ended}/cancel")).key(key)).await;
        let job = api.submit(key, &circuit, "first").await;
        let upload = api.send(Call::post("/v1/uploads").key(key).json(&announced())).await;
        let keys = api.send(Call::get("/v1/keys").key(key)).await.value();
        let key_id = keys["items"][0]["id"].as_str().unwrap().to_owned();
        let (upload, upload_url) = (upload.text("id"), upload.text("url"));
        let webhook = api.send(Call::post("/v1/webhooks").key(key).json(&hook())).await.text("id");
        let test = Call::post(format!("/v1/webhooks/{webhook}/test")).key(key);
        let delivery = api.send(test).await.text("id");
        Self { circuit, job, upload, upload_url, key_id, ended, webhook, delivery, member }
    }

    /// The same names, none of which names anything.
    fn unknown(&self) -> Self {
        Self {
            circuit: "multiplier@0000000000000000".to_owned(),
            job: NOBODY.to_owned(),
            upload: NOBODY.to_owned(),
            upload_url: self.upload_url.replace(&self.upload, NOBODY),
            key_id: NOBODY.to_owned(),
            ended: NOBODY.to_owned(),
            webhook: NOBODY.to_owned(),
            delivery: format!("{NOBODY}.{NOBODY}"),
            member: self.member.clone(),
        }
    }
}

fn announced() -> serde_json::Value {
    json!({ "size": WITNESS.len(), "sha256": Sha256Digest::of(WITNESS).to_string() })
}

fn hook() -> serde_json::Value {
    json!({ "url": "https://hooks.example/" })
}

/// A request to `endpoint` that succeeds for the owner, without a key, and its status.
pub(crate) fn call(endpoint: Endpoint, of: &Owned) -> (Call, u16) {
    let Owned { circuit, job, upload_url, key_id, ended, webhook, delivery, member, .. } = of;
    match endpoint {
        Endpoint::Index => (Call::get("/"), 200),
        Endpoint::Health => (Call::get("/healthz"), 200),
        Endpoint::Readiness => (Call::get("/readyz"), 200),
        Endpoint::RegisterCircuit => {
            (Call::post("/v1/circuits").json(&registration("another")), 201)
        }
        Endpoint::ListCircuits => (Call::get("/v1/circuits"), 200),
        Endpoint::ShowCircuit => (Call::get(format!("/v1/circuits/{circuit}")), 200),
        Endpoint::VerificationKey => {
            (Call::get(format!("/v1/circuits/{circuit}/verification-key")), 200)
        }
        Endpoint::Performance => (Call::get(format!("/v1/circuits/{circuit}/performance")), 200),
        Endpoint::SetPublication => {
            let call = Call::put(format!("/v1/circuits/{circuit}/publication"));
            (call.json(&json!({ "public": true })), 200)
        }
        Endpoint::PublicPerformance => (Call::get("/v1/performance"), 200),
        Endpoint::CreateQuote => {
            (Call::post("/v1/quotes").json(&json!({ "circuit": circuit })), 201)
        }
        Endpoint::ShowBudgets => (Call::get("/v1/budgets"), 200),
        Endpoint::PutBudgets => {
            let budget = json!({ "scope": "*", "limit_nano_usd": 1_000_000_000 });
            (Call::put("/v1/budgets").json(&json!({ "budgets": [budget] })), 200)
        }
        Endpoint::SubmitProof => {
            let body = json!({ "circuit": circuit, "witness": inline(WITNESS) });
            (Call::post("/v1/proofs").header("idempotency-key", "another").json(&body), 202)
        }
        Endpoint::ListProofs => (Call::get("/v1/proofs"), 200),
        Endpoint::ShowProof => (Call::get(format!("/v1/proofs/{job}")), 200),
        Endpoint::ProofEvents => (Call::get(format!("/v1/proofs/{job}/events")), 200),
        Endpoint::ProjectEvents => (Call::get("/v1/events"), 200),
        Endpoint::CancelProof => (Call::post(format!("/v1/proofs/{job}/cancel")), 200),
        Endpoint::CreateUpload => (Call::post("/v1/uploads").json(&announced()), 201),
        Endpoint::ReceiveUpload => (Call::put(upload_url).bytes(WITNESS), 204),
        Endpoint::CreateKey => (Call::post("/v1/keys").json(&json!({ "scopes": ["read"] })), 201),
        Endpoint::ListKeys => (Call::get("/v1/keys"), 200),
        Endpoint::RevokeKey => (Call::delete(format!("/v1/keys/{key_id}")), 200),
        Endpoint::ListActions => (Call::get("/v1/actions"), 200),
        Endpoint::CreateWebhook => (Call::post("/v1/webhooks").json(&hook()), 201),
        Endpoint::ListWebhooks => (Call::get("/v1/webhooks"), 200),
        Endpoint::RemoveWebhook => (Call::delete(format!("/v1/webhooks/{webhook}")), 200),
        Endpoint::RotateWebhookSecret => {
            (Call::post(format!("/v1/webhooks/{webhook}/secret")), 200)
        }
        Endpoint::TestWebhook => (Call::post(format!("/v1/webhooks/{webhook}/test")), 202),
        Endpoint::ListDeliveries => (Call::get("/v1/webhooks/deliveries"), 200),
        Endpoint::ShowDelivery => (Call::get(format!("/v1/webhooks/deliveries/{delivery}")), 200),
        Endpoint::ReplayDelivery => {
            (Call::post(format!("/v1/webhooks/deliveries/{delivery}/replay")), 202)
        }
        Endpoint::Costs => (Call::get("/v1/costs"), 200),
        // Nobody but whoever runs the service; the tests of costs have its key.
        Endpoint::FleetCosts => (Call::get("/v1/costs/fleet"), 403),
        Endpoint::CloseMonth => {
            let body = json!({ "project": "owner", "month": "2025-12" });
            (Call::post("/v1/costs/closings").json(&body), 403)
        }
        Endpoint::CorrectCharge => {
            let (amount, reason) = (-1, "agreed");
            let body = json!({
                "project": "owner", "job": ended, "charge_nano_usd": amount, "reason": reason,
            });
            let call = Call::post("/v1/costs/corrections").header("idempotency-key", "another");
            (call.json(&body), 403)
        }
        Endpoint::ShowReceipt => (Call::get(format!("/v1/proofs/{ended}/receipt")), 200),
        Endpoint::Chain => (Call::get("/v1/chain"), 200),
        // None is published before a day has passed; the tests of costs see one.
        Endpoint::DailyRoot => (Call::get("/v1/roots/2026-01-01"), 404),
        Endpoint::SignInPage => (Call::get("/dashboard/sign-in"), 200),
        Endpoint::SignIn => (Call::post("/dashboard/sign-in").form(&[("key", &member.key)]), 303),
        Endpoint::SignOut => {
            (Call::post("/dashboard/sign-out").form(&[("form_token", &member.form_token)]), 303)
        }
        Endpoint::OverviewPage => (Call::get("/dashboard"), 200),
        Endpoint::CostsPage => (Call::get("/dashboard/costs"), 200),
        Endpoint::DownloadCosts => (Call::get(format!("/dashboard/costs/download?{FILE}")), 200),
        Endpoint::JobsPage => (Call::get("/dashboard/jobs"), 200),
        Endpoint::JobPage => (Call::get(format!("/dashboard/jobs/{job}")), 200),
        Endpoint::DownloadReceipt => (Call::get(format!("/dashboard/jobs/{ended}/receipt")), 200),
        Endpoint::FleetPage => (Call::get("/dashboard/fleet"), 200),
        Endpoint::BudgetsPage => (Call::get("/dashboard/budgets"), 200),
        Endpoint::OpenApi => (Call::get("/openapi.json"), 200),
        Endpoint::ReferencePage => (Call::get("/docs"), 200),
        Endpoint::ErrorsPage => (Call::get("/docs/errors"), 200),
        Endpoint::ProblemType => (Call::get("/problems/not_found"), 303),
        Endpoint::PerformancePage => (Call::get("/performance"), 200),
        Endpoint::Asset => (Call::get("/assets/style.css"), 200),
    }
}

/// How another project's objects could be reached through an endpoint.
enum Reach {
    /// By this request, which names one.
    ByName(Call),
    /// By listing.
    ByListing(Call),
    /// Not at all: it takes no name of an object.
    None,
}

fn reach(endpoint: Endpoint, of: &Owned) -> Reach {
    let (plain, _) = call(endpoint, of);
    match endpoint {
        Endpoint::ShowCircuit
        | Endpoint::VerificationKey
        | Endpoint::Performance
        | Endpoint::SetPublication
        | Endpoint::CreateQuote
        | Endpoint::SubmitProof
        | Endpoint::ShowProof
        | Endpoint::ProofEvents
        | Endpoint::CancelProof
        | Endpoint::ReceiveUpload
        | Endpoint::RevokeKey
        | Endpoint::RemoveWebhook
        | Endpoint::RotateWebhookSecret
        | Endpoint::TestWebhook
        | Endpoint::ShowDelivery
        | Endpoint::ReplayDelivery
        | Endpoint::ShowReceipt
        | Endpoint::JobPage
        | Endpoint::DownloadReceipt => Reach::ByName(plain),
        Endpoint::RegisterCircuit => {
            let key = json!({ "upload": of.upload });
            let body = json!({ "name": "taken", "proof_system": "groth16", "proving_key": key });
            Reach::ByName(Call::post("/v1/circuits").json(&body))
        }
        Endpoint::ListCircuits
        | Endpoint::ListProofs
        | Endpoint::ListWebhooks
        | Endpoint::ListDeliveries => Reach::ByListing(plain),
        // The foreign key sees itself and nothing else; the tests of keys say so, and those of
        // budgets, of performance, of events and of the dashboard.
        Endpoint::ListKeys
        | Endpoint::ListActions
        | Endpoint::Costs
        | Endpoint::FleetCosts
        | Endpoint::CloseMonth
        | Endpoint::CorrectCharge
        | Endpoint::Chain
        | Endpoint::DailyRoot
        | Endpoint::OverviewPage
        | Endpoint::CostsPage
        | Endpoint::DownloadCosts
        | Endpoint::JobsPage
        | Endpoint::FleetPage
        | Endpoint::BudgetsPage
        | Endpoint::OpenApi
        | Endpoint::ReferencePage
        | Endpoint::ErrorsPage
        | Endpoint::ProblemType
        | Endpoint::PerformancePage
        | Endpoint::SignInPage
        | Endpoint::SignIn
        | Endpoint::SignOut
        | Endpoint::Asset
        | Endpoint::ProjectEvents
        | Endpoint::Index
        | Endpoint::Health
        | Endpoint::Readiness
        | Endpoint::PublicPerformance
        | Endpoint::ShowBudgets
        | Endpoint::PutBudgets
        | Endpoint::CreateUpload
        | Endpoint::CreateWebhook
        | Endpoint::CreateKey => Reach::None,
    }
}

#[tokio::test]
async fn every_endpoint_answers_its_owner() {
    for endpoint in Endpoint::ALL {
        let api = Api::new();
        let owned = Owned::new(&api).await;
        let (call, status) = call(*endpoint, &owned);
        let answer = api.send(call.by(&owned.member)).await;
        assert_eq!(answer.status, status, "{endpoint:?}: {answer:?}");
        assert!(answer.header("x-request-id").is_some());
        let is_asset = *endpoint == Endpoint::Asset;
        assert_eq!(answer.header("cache-control") == Some("no-store"), !is_asset, "{endpoint:?}");
    }
}

#[tokio::test]
async fn an_object_of_another_project_is_the_same_404_as_an_unknown_one() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    let foreign = api.member("foreign").await;
    for endpoint in Endpoint::ALL {
        match (reach(*endpoint, &owned), reach(*endpoint, &owned.unknown())) {
            // A signed address is its own authority; altered, it is nobody's.
            (Reach::ByName(_), Reach::ByName(unknown)) if *endpoint == Endpoint::ReceiveUpload => {
                api.send(unknown).await.problem(404, "not_found");
            }
            (Reach::ByName(known), Reach::ByName(unknown)) => {
                let known = api.send(known.by(&foreign)).await;
                known.problem(404, "not_found");
                let unknown = api.send(unknown.by(&foreign)).await;
                assert_eq!(known.comparable(), unknown.comparable(), "{endpoint:?}");
            }
            (Reach::ByListing(call), _) => {
                let answer = api.send(call.by(&foreign)).await;
                assert_eq!(answer.value(), json!({ "items": [], "next": null }), "{endpoint:?}");
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_everywhere() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    for endpoint in Endpoint::ALL {
        let Access::Key(scope) = endpoint.row().access else { continue };
        let others: Vec<_> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let key = api.key("owner", &others).await;
        let answer = api.send(call(*endpoint, &owned).0.key(&key)).await;
        answer.problem(403, "scope_missing");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{endpoint:?}: {challenge}");
    }
}

#[tokio::test]
async fn no_key_a_malformed_key_and_a_revoked_key_are_refused_everywhere() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    let project = "owner".parse().unwrap();
    let (revoked, record) = api.context.keys().create(&project, &Scope::ALL).await.unwrap();
    api.context.keys().revoke(&project, record.id).await.unwrap();
    let unknown = format!("zkp_{}", "0".repeat(64));
    for endpoint in Endpoint::ALL {
        let Access::Key(_) = endpoint.row().access else { continue };
        let (call, _) = call(*endpoint, &owned);
        let answer = api.send(call.clone()).await;
        answer.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").is_some());
        for key in [unknown.as_str(), "zkp_", "", revoked.expose()] {
            let answer = api.send(call.clone().key(key)).await;
            answer.problem(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_on_every_page() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    let revoked = api.member("owner").await;
    let keys = api.send(Call::get("/v1/keys").key(&revoked.key)).await.value();
    let last = keys["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    api.context.keys().revoke(&"owner".parse().unwrap(), last.parse().unwrap()).await.unwrap();
    let guessed = format!("zkpool-session={NOBODY}.{}", "00".repeat(32));
    for endpoint in Endpoint::ALL {
        let Access::Session(_) = endpoint.row().access else { continue };
        let (call, _) = call(*endpoint, &owned);
        for cookie in ["", "zkpool-session=", &guessed, &revoked.cookie] {
            let answer = api.send(call.clone().header("cookie", cookie)).await;
            assert_eq!(answer.status, 303, "{endpoint:?}");
            assert_eq!(answer.header("location"), Some("/dashboard/sign-in"), "{endpoint:?}");
        }
    }
}

#[tokio::test]
async fn a_body_longer_than_the_row_says_is_refused_everywhere() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    for endpoint in Endpoint::ALL {
        let length = (endpoint.row().body_bytes_max + 1).to_string();
        let (call, _) = call(*endpoint, &owned);
        let answer = api.send(call.by(&owned.member).header("content-length", &length)).await;
        answer.problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_query_that_the_endpoint_does_not_know_is_refused_where_there_is_one() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    for endpoint in Endpoint::ALL {
        let queries: &[&str] = match endpoint {
            Endpoint::ListCircuits | Endpoint::ListKeys | Endpoint::ListActions => {
                &["limit=0", "limit=x", "after=x", "a=b"]
            }
            Endpoint::ListProofs => &["limit=201", "after=x", "state=done", "tag=x", "a=b"],
            Endpoint::ShowProof => &["wait=26", "wait=-1", "wait=x", "a=b"],
            Endpoint::ReceiveUpload => &["", "a=b", "token=a&token=b"],
            Endpoint::OverviewPage | Endpoint::Performance => {
                &["from=x", "to=2026-02-30", "from=2027-01-01", "a=b"]
            }
            Endpoint::Costs => &["from=x", "to=2026-02-30", "group_by=week", "format=xls", "a=b"],
            Endpoint::Chain => &["after=x", "after=-1", "a=b"],
            Endpoint::CostsPage => &["from=x", "group_by=week", "group_by=tag:", "a=b"],
            Endpoint::DownloadCosts => &["from=x", "group_by=week", "format=xml", "a=b"],
            Endpoint::JobsPage => &["state=done", "tag=x", "after=x", "a=b"],
            Endpoint::ListDeliveries => {
                &["state=done", "webhook=x", "since=x", "after=x", "limit=0", "a=b"]
            }
            Endpoint::Index
            | Endpoint::Health
            | Endpoint::Readiness
            | Endpoint::RegisterCircuit
            | Endpoint::ShowCircuit
            | Endpoint::VerificationKey
            | Endpoint::SetPublication
            | Endpoint::PublicPerformance
            | Endpoint::CreateQuote
            | Endpoint::ShowBudgets
            | Endpoint::PutBudgets
            | Endpoint::SubmitProof
            | Endpoint::ProofEvents
            | Endpoint::ProjectEvents
            | Endpoint::CancelProof
            | Endpoint::CreateUpload
            | Endpoint::CreateKey
            | Endpoint::RevokeKey
            | Endpoint::CreateWebhook
            | Endpoint::ListWebhooks
            | Endpoint::RemoveWebhook
            | Endpoint::RotateWebhookSecret
            | Endpoint::TestWebhook
            | Endpoint::ShowDelivery
            | Endpoint::ReplayDelivery
            | Endpoint::FleetCosts
            | Endpoint::CloseMonth
            | Endpoint::CorrectCharge
            | Endpoint::ShowReceipt
            | Endpoint::DailyRoot
            | Endpoint::SignInPage
            | Endpoint::SignIn
            | Endpoint::SignOut
            | Endpoint::JobPage
            | Endpoint::DownloadReceipt
            | Endpoint::FleetPage
            | Endpoint::BudgetsPage
            | Endpoint::OpenApi
            | Endpoint::ReferencePage
            | Endpoint::ErrorsPage
            | Endpoint::ProblemType
            | Endpoint::PerformancePage
            | Endpoint::Asset => &[],
        };
        let path = endpoint.row().path.replace("{id}", &owned.job);
        let path = path.replace("{circuit}", &owned.circuit);
        for query in queries {
            let call = Call::new(endpoint.row().method, format!("{path}?{query}"));
            api.send(call.by(&owned.member)).await.problem(400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_expected_json_is_refused_everywhere() {
    let api = Api::new();
    let key = api.full_key("owner").await;
    for endpoint in Endpoint::ALL {
        let row = endpoint.row();
        let reads_json = match endpoint {
            Endpoint::RegisterCircuit
            | Endpoint::SetPublication
            | Endpoint::CreateQuote
            | Endpoint::PutBudgets
            | Endpoint::SubmitProof
            | Endpoint::CloseMonth
            | Endpoint::CorrectCharge
            | Endpoint::CreateUpload
            | Endpoint::CreateWebhook
            | Endpoint::CreateKey => true,
            Endpoint::Index
            | Endpoint::Health
            | Endpoint::Readiness
            | Endpoint::ListCircuits
            | Endpoint::ShowCircuit
            | Endpoint::VerificationKey
            | Endpoint::Performance
            | Endpoint::PublicPerformance
            | Endpoint::ShowBudgets
            | Endpoint::ListProofs
            | Endpoint::ShowProof
            | Endpoint::ProofEvents
            | Endpoint::ProjectEvents
            | Endpoint::CancelProof
            | Endpoint::ReceiveUpload
            | Endpoint::ListKeys
            | Endpoint::ListActions
            | Endpoint::RevokeKey
            | Endpoint::ListWebhooks
            | Endpoint::RemoveWebhook
            | Endpoint::RotateWebhookSecret
            | Endpoint::TestWebhook
            | Endpoint::ListDeliveries
            | Endpoint::ShowDelivery
            | Endpoint::ReplayDelivery
            | Endpoint::Costs
            | Endpoint::FleetCosts
            | Endpoint::ShowReceipt
            | Endpoint::Chain
            | Endpoint::DailyRoot
            | Endpoint::SignInPage
            | Endpoint::SignIn
            | Endpoint::SignOut
            | Endpoint::OverviewPage
            | Endpoint::CostsPage
            | Endpoint::DownloadCosts
            | Endpoint::JobsPage
            | Endpoint::JobPage
            | Endpoint::DownloadReceipt
            | Endpoint::FleetPage
            | Endpoint::BudgetsPage
            | Endpoint::OpenApi
            | Endpoint::ReferencePage
            | Endpoint::ErrorsPage
            | Endpoint::ProblemType
            | Endpoint::PerformancePage
            | Endpoint::Asset => false,
        };
        if !reads_json {
            continue;
        }
        let call = Call::new(row.method, row.path).key(&key).header("idempotency-key", "k");
        let json = call.clone().header("content-type", "application/json; charset=utf-8");
        for body in ["", "{", "[]", "null", "{\"unknown\":1}", "\u{feff}{}", "{} {}"] {
            api.send(json.clone().bytes(body)).await.problem(400, "invalid_request");
        }
        let deep = "[".repeat(50_000);
        api.send(json.clone().bytes(deep)).await.problem(400, "invalid_request");
        let text = call.clone().header("content-type", "text/plain").bytes("{}");
        api.send(text).await.problem(415, "unsupported_media_type");
        api.send(call.bytes("{}")).await.problem(415, "unsupported_media_type");
        let packed = json.clone().header("content-encoding", "gzip").bytes("{}");
        api.send(packed).await.problem(415, "unsupported_media_type");
        let long = usize::try_from(row.body_bytes_max).unwrap() + 1;
        api.send(json.bytes(vec![b' '; long]).chunked()).await.problem(413, "body_too_large");
    }
}
