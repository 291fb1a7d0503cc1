//! What functions and provers may do on AWS: a proof goes all the way with the permissions that
//! the templates give, and who may not do something does nothing.
//!
//! The stand-in checks signatures and policies here (`AUTH=true`), for all but its administrator.

use std::process::Command;

use serde_json::json;
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
    assert_eq!(service.start_function("sweep").invoke(&json!({}))["errors"], 0);
    let log = prover.log();
    assert!(!log.contains("AccessDenied"), "{log}");
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
