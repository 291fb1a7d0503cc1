//! What functions and provers may do on AWS: a proof goes all the way with the permissions that
//! the templates give, and who may not do something does nothing.
//!
//! The stand-in checks signatures and policies here (`AUTH=true`), for all but its administrator.

use std::process::Command;

use serde_json::{Value, json};
use zkpool_tests::api::{Browser, Client};
use zkpool_tests::command::zkpool_path;
use zkpool_tests::roles::Roles;
use zkpool_tests::service::{Identities, Service};
use zkpool_tests::standins::{AccessKey, Ministack};

use crate::aws::{PROVEN_WITHIN, request, verify};

/// A stand-in that checks who may do what.
fn checking() -> Ministack {
    Ministack::start_with(&[("AUTH", "true")])
}

fn with_roles() -> Service {
    Service::start_on(checking(), |aws| Box::new(Roles::create(aws)))
}

#[test]
fn a_proof_goes_all_the_way_with_the_permissions_of_each_role() {
    let service = with_roles();
    service.register();
    let webhook = json!({ "url": "https://hooks.invalid/", "events": ["proof.succeeded"] });
    assert_eq!(service.client().post("/v1/webhooks", &webhook).status, 201);
    let job = service.client().submit("order-1", &request()).ok()["id"].clone();
    let job = job.as_str().unwrap();
    let prover = service.start_prover();
    let view = service.client().poll(job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    verify(&view);
    let client = service.client();
    assert_eq!(client.get("/readyz").ok()["status"], "ready");
    assert_eq!(client.post(&format!("/v1/proofs/{job}/cancel"), &json!({})).status, 409);
    assert_eq!(client.post("/v1/keys", &json!({ "scopes": ["read"] })).status, 201);
    assert!(!service.has_object(&format!("jobs/acme/{job}/witness")), "the witness is left");
    show_dashboard(&service, job);
    assert_eq!(service.start_function("sweep").invoke(&json!({}))["errors"], 0);
    keep_books(&service, &view);
    tell_webhook(&service, job);
    let log = prover.log();
    assert!(!log.contains("AccessDenied"), "{log}");
}

/// Has the function of webhooks tell how a job ended, as far as its host exists.
fn tell_webhook(service: &Service, job: &str) {
    let webhooks = service.start_function("webhooks");
    let tell = || {
        let asked = json!({ "QueueUrl": service.notices.live, "MaxNumberOfMessages": 10 });
        let received = service.aws.sqs("ReceiveMessage", &asked)["Messages"].clone();
        let message =
            |message: &Value| json!({ "messageId": message["MessageId"], "body": message["Body"] });
        let records: Vec<_> = received.as_array().unwrap().iter().map(message).collect();
        assert_eq!(records.len(), 1);
        let answer = webhooks.invoke(&json!({ "Records": records }));
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    };
    // The notice of the prover becomes a delivery, which is then tried.
    tell();
    tell();
    let delivery = &service.client().get("/v1/webhooks/deliveries").ok()["items"][0];
    assert_eq!(delivery["event"]["data"]["id"], job);
    assert_eq!(
        (&delivery["state"], &delivery["attempts"][0]["error"]),
        (&json!("pending"), &json!("no connection could be made"),)
    );
    // What is no notice comes again, and nothing else of its batch.
    let records = json!([{ "messageId": "m", "body": "{}" }]);
    let answer = webhooks.invoke(&json!({ "Records": records }));
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "m" }] }));
}

/// Rolls up and checks what was charged, and reports it before and after.
fn keep_books(service: &Service, view: &Value) {
    let created = service.client().post("/v1/keys", &json!({ "scopes": ["finance"] })).ok();
    let client = Client::new(&service.api.url, created["key"].as_str().unwrap());
    let before = client.get("/v1/costs?group_by=circuit").ok();
    assert_eq!(before["total_nano_usd"], view["receipt"]["charge_nano_usd"]);
    let rolled_up = service.start_function("rollup").invoke(&json!({ "audit": true }));
    let expected = json!({ "projects": 1, "receipts": 1, "errors": 0, "audited": 1 });
    assert_eq!(rolled_up, expected);
    // What is rolled up adds up to the same, and the months before are closed with it.
    let after = client.get("/v1/costs?group_by=circuit").ok();
    assert_eq!((&after["rows"], &after["total"]), (&before["rows"], &before["total"]));
    assert_ne!(after["closed_through"], json!(null));
    assert_eq!(client.get("/v1/chain").ok()["links"][0]["job"], view["id"]);
    let told = service.client().get("/v1/circuits/multiplier/performance").ok();
    assert_eq!(told["devices"][0]["samples"], 1);
    let operator = service.operator();
    let fleet = operator.get("/v1/costs/fleet").ok();
    assert_eq!(fleet["charge_nano_usd"], before["total_nano_usd"]);
    let closed =
        operator.post("/v1/costs/closings", &json!({ "project": "acme", "month": "2020-01" }));
    assert_eq!(closed.ok()["closed_through"], after["closed_through"]);
    let reason = "agreed";
    let correction = json!({
        "project": "acme", "job": view["id"], "charge_nano_usd": -5, "reason": reason,
    });
    let made = operator.post_once("/v1/costs/corrections", "k", &correction);
    assert_eq!(made.status, 201, "{}", made.body);
    let corrected = client.get("/v1/costs").ok();
    assert_eq!(corrected["total"]["corrections_nano_usd"], -5);
}

/// Signs in, sees the job, and signs out for good.
fn show_dashboard(service: &Service, job: &str) {
    let key = service.client().post("/v1/keys", &json!({ "scopes": ["finance"] })).ok();
    let browser = Browser::new(&service.api.url);
    let key = key["key"].as_str().unwrap();
    let (status, set, page) = browser.post("/dashboard/sign-in", &format!("key={key}"), "");
    assert_eq!(status, 303, "{page}");
    let cookie = set.split("zkpool-session=").nth(1).unwrap().split(';').next().unwrap();
    let cookie = format!("zkpool-session={cookie}");
    let (status, page) = browser.get("/dashboard/jobs", &cookie);
    assert!(status == 200 && page.contains(job), "{page}");
    assert_eq!(browser.get("/dashboard", &cookie).0, 200);
    for path in ["/dashboard/fleet", "/dashboard/budgets", "/performance"] {
        assert_eq!(browser.get(path, &cookie).0, 200, "{path}");
    }
    let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap();
    let form = format!("form_token={}", token.split('"').next().unwrap());
    assert_eq!(browser.post("/dashboard/sign-out", &form, &cookie).0, 303);
    assert_eq!(browser.get("/dashboard", &cookie).0, 303);
}

#[test]
fn a_quoted_proof_under_a_budget_goes_all_the_way_with_the_permissions_of_each_role() {
    let service = with_roles();
    service.register();
    let client = service.client();
    let budget = json!({ "scope": "*", "limit_nano_usd": 1_000_000_000, "hard_stop": true });
    let set = client.put("/v1/budgets", &json!({ "budgets": [budget] })).ok();
    assert_eq!(set["budgets"][0]["committed_nano_usd"], 0);
    let quote = client.post("/v1/quotes", &json!({ "circuit": "multiplier" })).ok();
    let mut body = request();
    body["quote"] = quote["id"].clone();
    let job = client.submit("order-1", &body).ok()["id"].as_str().unwrap().to_owned();
    let _prover = service.start_prover();
    let view = client.poll(&job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    assert_eq!(view["receipt"]["charge_nano_usd"], quote["price_nano_usd"]);
    let budgets = client.get("/v1/budgets").ok();
    assert_eq!(budgets["budgets"][0]["committed_nano_usd"], quote["price_nano_usd"]);
    assert_eq!(
        client.put("/v1/circuits/multiplier/publication", &json!({ "public": true })).status,
        200
    );
    assert_eq!(client.get("/v1/performance").ok()["circuits"].as_array().unwrap().len(), 1);
}

/// A role that does the work of another one.
#[derive(Debug)]
struct Usurped {
    roles: Roles,
    by: &'static str,
    of: &'static str,
}

impl Identities for Usurped {
    fn access_key(&self, name: &str) -> AccessKey {
        self.roles.access_key(if name == self.of { self.by } else { name })
    }
}

#[test]
fn who_may_only_read_cannot_submit() {
    let usurped = |aws: &Ministack| -> Box<dyn Identities> {
        Box::new(Usurped { roles: Roles::create(aws), by: "status", of: "submit" })
    };
    let service = Service::start_on(checking(), usurped);
    service.register();
    let answer = service.client().submit("order-1", &request());
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("unavailable")));
    assert_eq!(service.client().get("/v1/proofs").ok()["items"], json!([]));
    assert_eq!(service.messages(&service.queues.live), (0, 0));
}

#[test]
fn who_may_only_prove_makes_no_key_and_does_not_sweep() {
    let service = with_roles();
    let create = ["keys", "create", "--aws", "--project", "acme", "--scopes", "admin"];
    let mut command = Command::new(zkpool_path());
    let ended = command.args(create).envs(service.environment("prover")).output().unwrap();
    assert!(!ended.status.success(), "a prover made a key");
    let usurped = service.start_function_as("sweep", "prover");
    let report = usurped.invoke(&json!({}));
    assert!(report["errors"].as_u64().unwrap() > 0, "a prover swept: {report}");
}
