//! Bodies of requests, one target for each type that an endpoint takes as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zkpool_types::api::{
    CreateKey, CreateQuote, CreateUpload, CreateWebhook, PutBudgets, RegisterCircuit,
    SetPublication, SubmitProof,
};
use zkpool_types::{CloseMonth, MakeCorrection};

use crate::target::{Breach, Format, Held, Meter, Target, Verdict};

macro_rules! bodies {
    ($($name:literal = $body:ty;)*) => {
        pub(crate) const TARGETS: &[Target] = &[
            $(Target { name: $name, format: Format::Json, read: read_as::<$body> },)*
        ];
    };
}

// A target is called as the schema of its body, in snake case: a test looks each body of the
// described API up here.
bodies! {
    "register_circuit" = RegisterCircuit;
    "set_publication" = SetPublication;
    "create_quote" = CreateQuote;
    "put_budgets" = PutBudgets;
    "submit_proof" = SubmitProof;
    "create_upload" = CreateUpload;
    "create_key" = CreateKey;
    "create_webhook" = CreateWebhook;
    "close_month" = CloseMonth;
    "make_correction" = MakeCorrection;
}

/// Reads JSON that has more than one spelling: what was accepted reads back as the same value, and
/// is then written as before.
pub(crate) fn read_as<T: DeserializeOwned + Serialize + PartialEq>(
    input: &[u8],
    meter: &mut Meter,
) -> Held {
    match meter.measure(|| serde_json::from_slice::<T>(input)) {
        // What the API says of it is bounded where the API says it: see `requests`.
        Err(_) => Ok(Verdict::Refused),
        Ok(value) => reads_back(&value),
    }
}

/// Whether a value that was read is the same once it was written and read again.
pub(crate) fn reads_back<T: DeserializeOwned + Serialize + PartialEq>(value: &T) -> Held {
    let written = serde_json::to_vec(value).map_err(Breach::new)?;
    let again: T = serde_json::from_slice(&written).map_err(Breach::new)?;
    if again != *value {
        return Err(Breach::new("expected what was accepted to read back as the same value"));
    }
    let twice = serde_json::to_vec(&again).map_err(Breach::new)?;
    if twice == written {
        return Ok(Verdict::Accepted);
    }
    Err(Breach::new("expected a value to be written the same way twice"))
}
