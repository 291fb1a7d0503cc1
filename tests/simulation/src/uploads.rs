//! Witnesses that are uploaded before they are submitted, by requesters who lose answers, break off,
//! and send other bytes than they announced.

use std::io;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use zkpool_types::Sha256Digest;

use crate::requester::{Market, Tenant};

/// Bytes of one part of a body.
const PART_BYTES: usize = 64;

/// An upload of which the bytes have arrived.
#[derive(Clone, Debug)]
pub(crate) struct Uploaded {
    /// Its id.
    pub(crate) id: Value,
    /// Where its bytes are sent, signed.
    address: String,
    /// How many bytes it has.
    size: usize,
}

impl Market {
    /// Uploads a witness until it has arrived.
    pub(crate) async fn upload(&self, tenant: &Tenant, witness: &[u8]) -> Uploaded {
        let universe = &self.service.universe;
        loop {
            if let Some(uploaded) = self.upload_once(tenant, witness).await {
                return uploaded;
            }
            universe.sleep(universe.between_ms(500, 20_000)).await;
        }
    }

    async fn upload_once(&self, tenant: &Tenant, witness: &[u8]) -> Option<Uploaded> {
        let announced = json!({ "size": witness.len(), "sha256": Sha256Digest::of(witness) });
        let request = self.request(tenant, "POST", "/v1/uploads", None, &announced.to_string());
        let (_, view) = self.send(request).await?;
        let address = view["url"].as_str()?.to_owned();
        let uploaded = Uploaded { id: view["id"].clone(), address, size: witness.len() };
        if self.service.universe.happens(200) {
            self.send_other_bytes(&uploaded).await;
        }
        let status = self.send_bytes(&uploaded, witness).await?;
        status.is_success().then_some(uploaded)
    }

    /// Sends bytes that were not announced, whether those that were have arrived or not.
    pub(crate) async fn send_other_bytes(&self, to: &Uploaded) {
        let status = self.send_bytes(to, &vec![0; to.size]).await;
        if status.is_some_and(|status| status.is_success()) {
            self.breach("L4", format!("upload {} took other bytes than were announced", to.id));
        }
    }

    /// Sends bytes in parts, sometimes not all of them.
    async fn send_bytes(&self, to: &Uploaded, bytes: &[u8]) -> Option<StatusCode> {
        let universe = &self.service.universe;
        let parts = bytes.chunks(PART_BYTES).map(|part| Ok(Bytes::copy_from_slice(part)));
        let mut parts: Vec<io::Result<Bytes>> = parts.collect();
        let breaks_off = universe.happens(100);
        if breaks_off {
            universe.count("upload broken off");
            parts.truncate(universe.index(parts.len()));
            parts.push(Err(io::Error::other("the sender breaks off")));
        }
        let body = Body::from_stream(stream::iter(parts));
        let request = Request::builder().method("PUT").uri(&to.address).body(body).ok()?;
        let (status, _) = self.send(request).await?;
        universe.note(format_args!("upload {} is answered {status}", to.id));
        if breaks_off && status.is_success() {
            self.breach("L4", format!("upload {} took half of its bytes", to.id));
        }
        Some(status)
    }
}
