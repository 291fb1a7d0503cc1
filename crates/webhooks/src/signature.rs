//! Secrets and signatures (Standard Webhooks 1.0.0).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use standardwebhooks::Webhook;
use zkpool_ports::Rng;
use zkpool_types::webhook::WebhookRecord;
use zkpool_types::{Defect, EventId, Secret, Timestamp};

use crate::WebhookError;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Random bytes of a secret: as many as the digest of the signature has.
const SECRET_BYTES: usize = 32;

/// A fresh secret.
pub(crate) fn fresh_secret(rng: &dyn Rng) -> Secret<String> {
    let mut random = [0; SECRET_BYTES];
    rng.fill(&mut random);
    Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(random)))
}

/// The headers of a delivery that is sent at `at`: its id, the time, and a signature for each
/// secret that is in use.
pub(crate) fn headers(
    webhook: &WebhookRecord,
    event: EventId,
    at: Timestamp,
    body: &str,
) -> Result<Vec<(&'static str, String)>, WebhookError> {
    let mut id = format!("msg_{event}");
    let seconds = at.as_second();
    if Defect::NamesEveryTry.is_planted() {
        id = format!("{id}_{seconds}");
    }
    let replaced = webhook.replaced.as_ref().filter(|replaced| at < replaced.until);
    let secrets = [Some(&webhook.secret), replaced.map(|replaced| &replaced.secret)];
    let sign = |secret: &Secret<String>| {
        let key = Webhook::new(secret.expose())?;
        key.sign(&id, seconds, body.as_bytes())
    };
    let signatures = secrets.into_iter().flatten().map(sign).collect::<Result<Vec<_>, _>>();
    let signatures = signatures.map_err(WebhookError::Secret)?.join(" ");
    Ok(vec![
        (standardwebhooks::HEADER_WEBHOOK_ID, id),
        (standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, seconds.to_string()),
        (standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signatures),
    ])
}
