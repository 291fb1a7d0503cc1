//! What a server of ZKPool says, true or not.

use serde_json::{Value, json};
use zkpool_ledger::{PriceBook, ReceiptInput, receipt};
use zkpool_sdk::types::{DeviceClass, Receipt, Usage};

pub(crate) const JOB: &str = "018f2e7a-0000-7000-8000-000000000001";
pub(crate) const CIRCUIT: &str = "multiplier@0123456789abcdef";

pub(crate) fn fixture(name: &str) -> Value {
    let path = format!("{}/../tests/fixtures/bn128/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A job in this state.
pub(crate) fn view(job: &str, state: &str) -> Value {
    json!({
        "id": job, "project": "acme", "circuit": CIRCUIT, "state": state, "stage": null,
        "queue_position": null, "attempt": null, "tags": {},
        "accepted_at": "2026-01-01T00:00:00Z", "deadline": "2026-01-02T00:00:00Z",
        "finished_at": null, "proof": null, "failure": null, "receipt": null,
    })
}

/// A job in state proving, at this stage.
pub(crate) fn proving(job: &str, stage: &str) -> Value {
    let mut view = view(job, "proving");
    view["stage"] = stage.into();
    view["attempt"] = json!({ "id": JOB, "number": 1 });
    view
}

/// A job with the proof of the fixture, which holds.
pub(crate) fn proved(job: &str) -> Value {
    let mut view = view(job, "succeeded");
    view["finished_at"] = "2026-01-01T00:00:01Z".into();
    view["proof"] = json!({
        "proof_system": "groth16", "curve": "bn128", "proof": fixture("proof.json"),
        "public_inputs": fixture("public.json"), "development": false,
    });
    view["receipt"] = serde_json::to_value(charged(job)).unwrap();
    view
}

pub(crate) fn charged(job: &str) -> Receipt {
    let input = ReceiptInput {
        job: job.parse().unwrap(),
        project: "acme".parse().unwrap(),
        circuit: CIRCUIT.parse().unwrap(),
        device: Some(DeviceClass::new("cpu")),
        device_name: None,
        usage: Usage { device_us: 250_000, attempts: 1, ..Usage::default() },
        agreed: None,
        charged: true,
        development: false,
        witness_retention: "deleted after this outcome".to_owned(),
    };
    receipt(&PriceBook::builtin().unwrap(), input).unwrap()
}
