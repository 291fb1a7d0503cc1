//! Messages: bodies of the queues, and deliveries of webhooks as their receivers verify them.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use standardwebhooks::Webhook;
use zkpool_ports::{Clock, SystemClock};
use zkpool_sdk::WebhookVerifier;
use zkpool_types::JobMessage;
use zkpool_types::webhook::{Notice, WebhookEvent};

use crate::bodies::{read_as, reads_back};
use crate::requests::split;
use crate::target::{Breach, Format, Held, Meter, Target, Verdict, refused};

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "job_message", format: Format::Json, read: read_as::<JobMessage> },
    Target { name: "notice", format: Format::Json, read: read_as::<Notice> },
    Target { name: "webhook_event", format: Format::Json, read: read_event },
    Target { name: "webhook_delivery", format: Format::Request, read: read_delivery },
];

/// The secret of a webhook that nobody has.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "018f2e7a-0000-7000-8000-000000000001";

static VERIFIER: LazyLock<Option<WebhookVerifier>> =
    LazyLock::new(|| WebhookVerifier::new(SECRET).ok());
static SIGNER: LazyLock<Option<Webhook>> = LazyLock::new(|| Webhook::new(SECRET).ok());

fn verifier() -> Result<&'static WebhookVerifier, Breach> {
    VERIFIER.as_ref().ok_or_else(|| Breach::new("the secret of this target is none"))
}

/// A body that the holder of the secret signed just now.
fn read_event(input: &[u8], meter: &mut Meter) -> Held {
    // The reference library signs text alone.
    if std::str::from_utf8(input).is_err() {
        return Ok(Verdict::Refused);
    }
    let signer = SIGNER.as_ref().ok_or_else(|| Breach::new("the secret of this target is none"))?;
    let now = SystemClock::new().now();
    let headers = signed(signer, now, input)?;
    let verifier = verifier()?;
    match meter.measure(|| verifier.verify(&headers, input)) {
        Err(error) => refused(&error),
        Ok(event) => reads_back::<WebhookEvent>(&event),
    }
}

fn signed(signer: &Webhook, now: Timestamp, body: &[u8]) -> Result<HeaderMap, Breach> {
    let at = now.as_second();
    let signature = signer.sign(ID, at, body).map_err(Breach::new)?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(Breach::new);
    Ok(HeaderMap::from_iter([
        (HeaderName::from_static("webhook-id"), value(ID)?),
        (HeaderName::from_static("webhook-timestamp"), value(&at.to_string())?),
        (HeaderName::from_static("webhook-signature"), value(&signature)?),
    ]))
}

/// Headers and a body from someone who does not have the secret: never a delivery.
fn read_delivery(input: &[u8], meter: &mut Meter) -> Held {
    let (head, body) = split(input);
    let headers = headers(head);
    let verifier = verifier()?;
    match meter.measure(|| verifier.verify(&headers, body)) {
        Err(error) => refused(&error),
        Ok(_) => Err(Breach::new("a delivery was taken for genuine that nobody signed")),
    }
}

/// The lines of `head` that are headers.
fn headers(head: &[u8]) -> HeaderMap {
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(line.get(..colon)?).ok()?;
        let value = line.get(colon + 1..)?.trim_ascii();
        Some((name, HeaderValue::from_bytes(value).ok()?))
    });
    lines.collect()
}
