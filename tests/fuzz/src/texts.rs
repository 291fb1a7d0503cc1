//! Texts with a form of their own: ids, names, keys, cursors, addresses.

use std::fmt::Display;
use std::str::FromStr;

use zkpool_types::ids::is_name;
use zkpool_types::webhook::{DeliveryId, DeliveryState, EventKind};
use zkpool_types::{
    ApiKey, BudgetScope, CircuitRef, Dimension, JobId, ProjectId, Scope, Sha256Digest, TraceParent,
};
use zkpool_webhooks::AddressPolicy;

use crate::target::{Breach, Format, Held, Meter, Target, Verdict, accepted_as, refused};

macro_rules! texts {
    ($($name:literal = $read:expr;)*) => {
        pub(crate) const TARGETS: &[Target] = &[
            $(Target { name: $name, format: Format::Text, read: |input, meter| {
                let Ok(text) = std::str::from_utf8(input) else { return Ok(Verdict::Refused) };
                $read(text, meter)
            } },)*
        ];
    };
}

texts! {
    "id" = reads_back::<JobId>;
    "project" = read_project;
    "circuit_ref" = reads_back::<CircuitRef>;
    "digest" = reads_back::<Sha256Digest>;
    "delivery_id" = reads_back::<DeliveryId>;
    "delivery_state" = reads_back::<DeliveryState>;
    "event_kind" = reads_back::<EventKind>;
    "scope" = reads_back::<Scope>;
    "dimension" = reads_back::<Dimension>;
    "budget_scope" = reads_back::<BudgetScope>;
    "traceparent" = reads_back::<TraceParent>;
    "amazon_trace" = read_amazon_trace;
    "api_key" = read_api_key;
    "webhook_url" = read_webhook_url;
}

/// What has one spelling is written as it was read.
fn reads_back<T: FromStr<Err: std::error::Error> + Display>(text: &str, meter: &mut Meter) -> Held {
    match meter.measure(|| text.parse::<T>()) {
        Err(error) => refused(&error),
        Ok(value) => accepted_as(value.to_string().as_bytes(), text.as_bytes()),
    }
}

/// A project is part of storage keys, so that it is a name and nothing else.
fn read_project(text: &str, meter: &mut Meter) -> Held {
    match reads_back::<ProjectId>(text, meter)? {
        Verdict::Accepted if !is_name(text) => Err(Breach::new("a project that is no name")),
        verdict => Ok(verdict),
    }
}

fn read_amazon_trace(text: &str, meter: &mut Meter) -> Held {
    match meter.measure(|| TraceParent::from_amazon(text)) {
        None => Ok(Verdict::Refused),
        Some(trace) => {
            let written = trace.to_string();
            reads_back::<TraceParent>(&written, meter)
        }
    }
}

fn read_api_key(text: &str, meter: &mut Meter) -> Held {
    match meter.measure(|| text.parse::<ApiKey>()) {
        Err(error) => refused(&error),
        Ok(key) => accepted_as(key.expose().as_bytes(), text.as_bytes()),
    }
}

/// An address that is sent to is sent to as it was checked, whatever it is written like.
fn read_webhook_url(text: &str, meter: &mut Meter) -> Held {
    match meter.measure(|| AddressPolicy::Public.check(text)) {
        Err(error) => refused(&error),
        Ok(url) => match AddressPolicy::Public.check(url.as_str()) {
            Ok(again) if again == url => Ok(Verdict::Accepted),
            Ok(_) => Err(Breach::new("an address reads back as another one")),
            Err(error) => Err(Breach::new(format!("an address is refused once written: {error}"))),
        },
    }
}
