//! Tests that go over every row of the table of endpoints. The matches are exhaustive: an
//! endpoint without a case does not compile.

use serde_json::json;
use zkpool_functions::endpoints::{Access, Endpoint};
use zkpool_types::{Scope, Sha256Digest};

use crate::harness::{Api, Call, WITNESS, inline, registration};

/// An id that names nothing.
const NOBODY: &str = "018f2e7a-0000-7000-8000-000000000001";

/// A project with one object of every kind.
struct Owned {
    circuit: String,
    job: String,
    upload: String,
    upload_url: String,
    key_id: String,
}

impl Owned {
    async fn new(api: &Api) -> Self {
        let key = api.full_key("owner").await;
        let circuit = api.register(&key, "multiplier").await;
        let job = api.submit(&key, &circuit, "first").await;
        let upload = api.send(Call::post("/v1/uploads").key(&key).json(&announced())).await;
        let keys = api.send(Call::get("/v1/keys").key(&key)).await.value();
        let key_id = keys["items"][0]["id"].as_str().unwrap().to_owned();
        let upload_url = upload.text("url");
        Self { circuit, job, upload: upload.text("id"), upload_url, key_id }
    }

    /// The same names, none of which names anything.
    fn unknown(&self) -> Self {
        Self {
            circuit: "multiplier@0000000000000000".to_owned(),
            job: NOBODY.to_owned(),
            upload: NOBODY.to_owned(),
            upload_url: self.upload_url.replace(&self.upload, NOBODY),
            key_id: NOBODY.to_owned(),
        }
    }
}

fn announced() -> serde_json::Value {
    json!({ "size": WITNESS.len(), "sha256": Sha256Digest::of(WITNESS).to_string() })
}

/// A request to `endpoint` that succeeds for the owner, without a key, and its status.
fn call(endpoint: Endpoint, of: &Owned) -> (Call, u16) {
    let Owned { circuit, job, upload: _, upload_url, key_id } = of;
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
        | Endpoint::SubmitProof
        | Endpoint::ShowProof
        | Endpoint::ProofEvents
        | Endpoint::CancelProof
        | Endpoint::ReceiveUpload
        | Endpoint::RevokeKey => Reach::ByName(plain),
        Endpoint::RegisterCircuit => {
            let key = json!({ "upload": of.upload });
            let body = json!({ "name": "taken", "proof_system": "groth16", "proving_key": key });
            Reach::ByName(Call::post("/v1/circuits").json(&body))
        }
        Endpoint::ListCircuits | Endpoint::ListProofs => Reach::ByListing(plain),
        // The foreign key sees itself and nothing else; the tests of keys and of events say so.
        Endpoint::ListKeys
        | Endpoint::ProjectEvents
        | Endpoint::Index
        | Endpoint::Health
        | Endpoint::Readiness
        | Endpoint::CreateUpload
        | Endpoint::CreateKey => Reach::None,
    }
}

#[tokio::test]
async fn every_endpoint_answers_its_owner() {
    for endpoint in Endpoint::ALL {
        let api = Api::new();
        let owned = Owned::new(&api).await;
        let key = api.full_key("owner").await;
        let (call, status) = call(*endpoint, &owned);
        let answer = api.send(call.key(&key)).await;
        assert_eq!(answer.status, status, "{endpoint:?}: {answer:?}");
        assert!(answer.header("x-request-id").is_some());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn an_object_of_another_project_is_the_same_404_as_an_unknown_one() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    let foreign = api.full_key("foreign").await;
    for endpoint in Endpoint::ALL {
        match (reach(*endpoint, &owned), reach(*endpoint, &owned.unknown())) {
            // A signed address is its own authority; altered, it is nobody's.
            (Reach::ByName(_), Reach::ByName(unknown)) if *endpoint == Endpoint::ReceiveUpload => {
                api.send(unknown).await.problem(404, "not_found");
            }
            (Reach::ByName(known), Reach::ByName(unknown)) => {
                let known = api.send(known.key(&foreign)).await;
                known.problem(404, "not_found");
                let unknown = api.send(unknown.key(&foreign)).await;
                assert_eq!(known.comparable(), unknown.comparable(), "{endpoint:?}");
            }
            (Reach::ByListing(call), _) => {
                let answer = api.send(call.key(&foreign)).await;
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
async fn a_body_longer_than_the_row_says_is_refused_everywhere() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    let key = api.full_key("owner").await;
    for endpoint in Endpoint::ALL {
        let length = (endpoint.row().body_bytes_max + 1).to_string();
        let (call, _) = call(*endpoint, &owned);
        let answer = api.send(call.key(&key).header("content-length", &length)).await;
        answer.problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_query_that_the_endpoint_does_not_know_is_refused_where_there_is_one() {
    let api = Api::new();
    let owned = Owned::new(&api).await;
    let key = api.full_key("owner").await;
    for endpoint in Endpoint::ALL {
        let queries: &[&str] = match endpoint {
            Endpoint::ListCircuits | Endpoint::ListKeys => {
                &["limit=0", "limit=x", "after=x", "a=b"]
            }
            Endpoint::ListProofs => &["limit=201", "after=x", "state=done", "tag=x", "a=b"],
            Endpoint::ShowProof => &["wait=26", "wait=-1", "wait=x", "a=b"],
            Endpoint::ReceiveUpload => &["", "a=b", "token=a&token=b"],
            Endpoint::Index
            | Endpoint::Health
            | Endpoint::Readiness
            | Endpoint::RegisterCircuit
            | Endpoint::ShowCircuit
            | Endpoint::VerificationKey
            | Endpoint::Performance
            | Endpoint::SubmitProof
            | Endpoint::ProofEvents
            | Endpoint::ProjectEvents
            | Endpoint::CancelProof
            | Endpoint::CreateUpload
            | Endpoint::CreateKey
            | Endpoint::RevokeKey => &[],
        };
        let path = endpoint.row().path.replace("{id}", &owned.job);
        for query in queries {
            let call = Call::new(endpoint.row().method, format!("{path}?{query}"));
            api.send(call.key(&key)).await.problem(400, "invalid_request");
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
            | Endpoint::SubmitProof
            | Endpoint::CreateUpload
            | Endpoint::CreateKey => true,
            Endpoint::Index
            | Endpoint::Health
            | Endpoint::Readiness
            | Endpoint::ListCircuits
            | Endpoint::ShowCircuit
            | Endpoint::VerificationKey
            | Endpoint::Performance
            | Endpoint::ListProofs
            | Endpoint::ShowProof
            | Endpoint::ProofEvents
            | Endpoint::ProjectEvents
            | Endpoint::CancelProof
            | Endpoint::ReceiveUpload
            | Endpoint::ListKeys
            | Endpoint::RevokeKey => false,
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
