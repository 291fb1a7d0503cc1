//! Addresses that take an upload's bytes without a key: signed, for one upload, until they expire.
//!
//! The token is `{project}.{expiry in seconds of Unix time}.{HMAC-SHA256 in hexadecimal}` over
//! project, upload and expiry (RFC 2104). The secret is 32 random bytes that the first process to
//! need them creates in storage, so that every process signs and accepts the same addresses.

use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::OnceCell;
use zkpool_jobs::{Ports, keys};
use zkpool_types::{ProjectId, Secret, Timestamp, UploadId};

use crate::limits::RECORD_BYTES_MAX;
use crate::{ApiError, ApiResult};

/// Length of the secret, in bytes.
const SECRET_BYTES: usize = 32;

/// Keeps a signature made here from meaning anything elsewhere.
const PURPOSE: &str = "zkpool upload address v1";

/// Signs addresses and checks them.
#[derive(Clone, Debug)]
pub(crate) struct UploadAddresses {
    ports: Ports,
    secret: Arc<OnceCell<Secret<Bytes>>>,
}

impl UploadAddresses {
    pub(crate) fn new(ports: Ports) -> Self {
        Self { ports, secret: Arc::default() }
    }

    /// The token of an upload's address.
    pub(crate) async fn sign(
        &self,
        project: &ProjectId,
        id: UploadId,
        expires_at: Timestamp,
    ) -> ApiResult<Secret<String>> {
        let expiry = expires_at.as_second();
        let tag = self.mac(project, id, expiry).await?.finalize().into_bytes();
        Ok(Secret::new(format!("{project}.{expiry}.{}", hex::encode(tag))))
    }

    /// The project whose upload the token opens. A token that was altered, belongs to another
    /// upload or has expired is told apart from an upload that does not exist by nobody.
    pub(crate) async fn verify(&self, id: UploadId, token: &str) -> ApiResult<ProjectId> {
        let unknown = || ApiError::not_found("upload");
        let (project, expiry, tag) = parse(token).ok_or_else(unknown)?;
        // The comparison takes the same time wherever the tags differ.
        self.mac(&project, id, expiry).await?.verify_slice(&tag).map_err(|_| unknown())?;
        if expiry < self.ports.clock.now().as_second() {
            return Err(unknown());
        }
        Ok(project)
    }

    async fn mac(&self, project: &ProjectId, id: UploadId, expiry: i64) -> ApiResult<Hmac<Sha256>> {
        let secret = self.secret.get_or_try_init(|| self.load_or_create()).await?;
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose())
            .map_err(|error| ApiError::internal(&error))?;
        Ok(mac.chain_update(format!("{PURPOSE}\n{project}\n{id}\n{expiry}")))
    }

    /// Creates the secret unless another process did, and reads back the one that holds.
    async fn load_or_create(&self) -> ApiResult<Secret<Bytes>> {
        let key = keys::upload_address_secret();
        if self.ports.blobs.head(&key).await?.is_none() {
            let mut fresh = [0; SECRET_BYTES];
            self.ports.rng.fill(&mut fresh);
            self.ports.blobs.put_once(&key, Bytes::copy_from_slice(&fresh)).await?;
        }
        let secret = self.ports.blobs.get(&key, RECORD_BYTES_MAX).await?;
        Ok(Secret::new(secret))
    }
}

fn parse(token: &str) -> Option<(ProjectId, i64, Vec<u8>)> {
    let mut parts = token.split('.');
    let (project, expiry, tag) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((project.parse().ok()?, expiry.parse().ok()?, hex::decode(tag).ok()?))
}
