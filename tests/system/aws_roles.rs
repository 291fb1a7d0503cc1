//! What functions and provers may do on AWS: a proof goes all the way with these permissions and
//! no others, and who may not do something does nothing.
//!
//! The stand-in checks signatures and policies here (`AUTH=true`), for all but its administrator.

use std::process::Command;

use serde_json::{Value, json};
use zkpool_tests::api::Browser;
use zkpool_tests::api::Client;
use zkpool_tests::command::zkpool_path;
use zkpool_tests::service::{BUCKET, Identities, QUEUE, Service};
use zkpool_tests::standins::{AccessKey, Ministack};

use crate::aws::{PROVEN_WITHIN, request, verify};

/// Actions and what they are allowed on: keys of the bucket, `QUEUE` or `DEAD`.
type Permissions = &'static [(&'static [&'static str], &'static [&'static str])];

const READ: &[&str] = &["s3:GetObject"];
const WRITE: &[&str] = &["s3:PutObject", "s3:AbortMultipartUpload"];
const DELETE: &[&str] = &["s3:DeleteObject"];
const SEND: &[&str] = &["sqs:SendMessage"];
const DEPTH: &[&str] = &["sqs:GetQueueAttributes"];
const RECEIVE: &[&str] =
    &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];

const SUBMIT: Permissions = &[
    (
        READ,
        &[
            "api-keys/*",
            "budget-log/*",
            "budgets/*",
            "circuits/*",
            "idempotency/*",
            "jobs/*/request.json",
            "jobs/*/outcome.json",
            "jobs/*/progress.json",
            "jobs/*/witness",
            "late/*",
            "performance/*",
            "server/quote-secret",
            "uploads/*",
        ],
    ),
    (WRITE, &["idempotency/*", "jobs/*", "late/*", "unbilled/*", "uploads/*"]),
    (WRITE, &["budget-log/*", "performance/*", "server/quote-secret"]),
    (DELETE, &["jobs/*/witness", "jobs/*/progress.json", "uploads/*"]),
    (SEND, &["QUEUE"]),
];

const STATUS: Permissions = &[
    (READ, &["api-keys/*", "jobs/*/request.json", "jobs/*/outcome.json", "jobs/*/progress.json"]),
    (DEPTH, &["QUEUE"]),
];

const CIRCUITS: Permissions = &[
    (READ, &["api-keys/*", "api-key-names/*", "artifacts/*", "circuits/*", "uploads/*"]),
    (READ, &["jobs/*/outcome.json"]),
    (WRITE, &["api-keys/*", "api-key-names/*", "artifacts/*", "circuits/*"]),
    (DELETE, &["uploads/*"]),
];

/// What cost reports are made of.
const BOOKS: &[&str] = &[
    "chain/*",
    "chain-heads/*",
    "corrections/*",
    "jobs/*/outcome.json",
    "jobs/*/request.json",
    "jobs/*/waste/*",
    "unbilled/*",
    "usage/*",
];

const REPORTS: Permissions = &[(READ, BOOKS), (READ, &["api-keys/*", "roots/*", "shifts/*"])];

const ROLLUP: Permissions = &[
    (READ, BOOKS),
    (READ, &["audits/*", "roots/*"]),
    (WRITE, &["audits/*", "chain/*", "chain-heads/*", "roots/*", "usage/*"]),
    (DELETE, &["unbilled/*"]),
];

const PRICING: Permissions = &[
    (READ, &["api-keys/*", "budget-log/*", "budgets/*", "circuits/*", "idempotency/*"]),
    (READ, &["jobs/*/request.json", "jobs/*/outcome.json", "performance/*"]),
    (READ, &["public/*", "published/*", "server/quote-secret"]),
    (WRITE, &["budget-log/*", "budgets/*", "performance/*", "public/*", "published/*"]),
    (WRITE, &["server/quote-secret"]),
    (DELETE, &["public/*", "published/*"]),
];

const DASHBOARD: Permissions = &[
    (READ, &["api-keys/*", "sessions/*"]),
    (READ, BOOKS),
    (READ, &["budget-log/*", "budgets/*", "circuits/*", "idempotency/*", "jobs/*/progress.json"]),
    (READ, &["public/*", "published/*"]),
    (WRITE, &["budget-log/*", "public/*", "sessions/*"]),
    (DELETE, &["sessions/*"]),
    (DEPTH, &["QUEUE"]),
];

const PROVER: Permissions = &[
    (READ, &["artifacts/*", "circuits/*", "jobs/*", "late/*", "sweep/*", "uploads/*.json"]),
    (WRITE, &["jobs/*/outcome.json", "jobs/*/progress.json", "jobs/*/waste/*", "sweep/*"]),
    (WRITE, &["shifts/*", "unbilled/*"]),
    (DELETE, &["jobs/*/witness", "jobs/*/progress.json", "late/*", "uploads/*"]),
    (SEND, &["QUEUE", "DEAD"]),
    (RECEIVE, &["QUEUE", "DEAD"]),
];

const SWEEP: Permissions = &[
    (READ, &["jobs/*/request.json", "jobs/*/outcome.json", "jobs/*/progress.json"]),
    (READ, &["jobs/*/witness", "late/*", "sweep/*", "uploads/*.json"]),
    (WRITE, &["jobs/*/outcome.json", "sweep/*"]),
    (DELETE, &["jobs/*/witness", "jobs/*/progress.json", "late/*", "uploads/*"]),
    (SEND, &["QUEUE"]),
    (RECEIVE, &["DEAD"]),
];

/// Everyone who has permissions. The functions are named as their programs are.
const ROLES: &[(&str, Permissions)] = &[
    ("submit", SUBMIT),
    ("status", STATUS),
    ("circuits", CIRCUITS),
    ("pricing", PRICING),
    ("dashboard", DASHBOARD),
    ("reports", REPORTS),
    ("rollup", ROLLUP),
    ("sweep", SWEEP),
    ("prover", PROVER),
];

/// The policy of a role. Everyone may list the bucket, or S3 would hide what does not exist.
fn policy(permissions: Permissions) -> Value {
    let bucket = format!("arn:aws:s3:::{BUCKET}");
    let arn = |name: &&str| match *name {
        "QUEUE" => format!("arn:aws:sqs:us-east-1:000000000000:{QUEUE}"),
        "DEAD" => format!("arn:aws:sqs:us-east-1:000000000000:{QUEUE}-dead"),
        keys => format!("{bucket}/{keys}"),
    };
    let allow = |actions: &[&str], resources: Vec<String>| json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    let mut statements = vec![allow(&["s3:ListBucket"], vec![bucket.clone()])];
    statements.extend(
        permissions.iter().map(|(actions, on)| allow(actions, on.iter().map(arn).collect())),
    );
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// An access key for each role.
#[derive(Debug)]
struct Roles(Vec<(&'static str, AccessKey)>);

impl Roles {
    fn create(aws: &Ministack) -> Self {
        let key = |permissions, name| aws.create_user(name, &policy(permissions));
        Self(ROLES.iter().map(|(name, permissions)| (*name, key(permissions, name))).collect())
    }
}

impl Identities for Roles {
    fn access_key(&self, wanted: &str) -> AccessKey {
        let found = self.0.iter().find(|(name, _)| *name == wanted);
        found.unwrap_or_else(|| panic!("there is no role {wanted}")).1.clone()
    }
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

fn checking() -> Ministack {
    Ministack::start_with(&[("AUTH", "true")])
}

#[test]
fn a_proof_goes_all_the_way_with_the_permissions_of_each_role() {
    let service = Service::start_on(checking(), |aws| Box::new(Roles::create(aws)));
    service.register();
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
    let log = prover.log();
    assert!(!log.contains("AccessDenied"), "{log}");
}

/// Rolls up and checks what was charged, and reports it before and after.
fn keep_books(service: &Service, view: &serde_json::Value) {
    let created = service.client().post("/v1/keys", &json!({ "scopes": ["finance"] })).ok();
    let client = Client::new(&service.api.url, created["key"].as_str().unwrap());
    let before = client.get("/v1/costs?group_by=circuit").ok();
    assert_eq!(before["total_nano_usd"], view["receipt"]["charge_nano_usd"]);
    let rolled_up = service.start_function("rollup").invoke(&json!({ "audit": true }));
    let expected = json!({ "projects": 1, "receipts": 1, "errors": 0, "audited": 1 });
    assert_eq!(rolled_up, expected);
    assert_eq!(client.get("/v1/costs?group_by=circuit").ok(), before);
    assert_eq!(client.get("/v1/chain").ok()["links"][0]["job"], view["id"]);
}

/// Signs in, sees the job, and signs out for good.
fn show_dashboard(service: &Service, job: &str) {
    let key = service.client().post("/v1/keys", &json!({ "scopes": ["finance"] })).ok();
    let browser = Browser::new(&service.api.url);
    let key = key["key"].as_str().unwrap();
    let (status, head, _) = browser.post("/dashboard/sign-in", &format!("key={key}"), "");
    assert_eq!(status, 303, "{head}");
    let cookie = head.split("zkpool-session=").nth(1).unwrap().split(';').next().unwrap();
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
    let service = Service::start_on(checking(), |aws| Box::new(Roles::create(aws)));
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
fn who_may_only_prove_makes_no_key() {
    let service = Service::start_on(checking(), |aws| Box::new(Roles::create(aws)));
    let create = ["keys", "create", "--aws", "--project", "acme", "--scopes", "admin"];
    let mut command = Command::new(zkpool_path());
    let ended = command.args(create).envs(service.environment("prover")).output().unwrap();
    assert!(!ended.status.success(), "a prover made a key");
}
