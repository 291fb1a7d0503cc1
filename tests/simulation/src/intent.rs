//! What requesters want: a proof of a statement, asked for in one of many ways.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::json;
use zkpool_ports::Clock;
use zkpool_types::{Sha256Digest, Timestamp};

use crate::laws::Wanted;
use crate::requester::Market;
use crate::toy;
use crate::uploads::Uploaded;

/// A proof that somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    /// The place of the tenant who wants it.
    pub(crate) tenant: usize,
    /// The idempotency key.
    pub(crate) key: String,
    /// The body of the submission.
    pub(crate) body: String,
    /// Its witness, where that is not in the body.
    pub(crate) uploaded: Option<Uploaded>,
}

impl Market {
    /// Draws up what the `number`th requester wants, and uploads its witness where it is to be.
    pub(crate) async fn intent(&self, number: u64) -> Intent {
        let universe = &self.service.universe;
        let tenant = universe.index(self.tenants.len());
        let (x, y) = (2 + universe.below(1000), 2 + universe.below(1000));
        let is_true = !universe.happens(60);
        let poisons = universe.happens(30);
        let product = if is_true { x * y } else { x * y + 1 };
        let witness = toy::witness_file(product, [x, y], poisons, number);
        let uploaded = if universe.happens(200) {
            Some(self.upload(&self.tenants[tenant], &witness).await)
        } else {
            None
        };
        let witness = match &uploaded {
            Some(uploaded) => json!({ "upload": uploaded.id }),
            None => json!({ "base64": BASE64_STANDARD.encode(witness) }),
        };
        let body = self.body(&witness, number);
        let key = format!("request-{number}");
        let wanted = Wanted { key: key.clone(), output: product, is_true: is_true && !poisons };
        let digest = Sha256Digest::of(body.as_bytes());
        self.service.laws.expect(&self.tenants[tenant].project, digest, wanted);
        Intent { tenant, key, body, uploaded }
    }

    /// A submission, sometimes with a deadline or a bound of its price.
    fn body(&self, witness: &serde_json::Value, number: u64) -> String {
        let universe = &self.service.universe;
        let mut body = json!({
            "circuit": "toy", "witness": witness, "tags": { "number": number.to_string() },
        });
        if universe.happens(150) {
            let after = SignedDuration::from_secs(300 + universe.below(1_800).cast_signed());
            let deadline = self.servers[0].machine.now().saturating_add(after);
            body["deadline"] = json!(deadline.unwrap_or(Timestamp::MAX));
        }
        if universe.happens(200) {
            body["max_price_nano_usd"] = json!(1_000_000_000_u64);
        }
        body.to_string()
    }
}
