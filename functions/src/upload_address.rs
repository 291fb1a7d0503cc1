//! Addresses that take an upload's bytes without a key: signed, for one upload, until they expire.
//!
//! The token is `{project}.{expiry in seconds of Unix time}.{HMAC-SHA256 in hexadecimal}` over
//! project, upload and expiry (RFC 2104), under a secret of its own.

use zkpool_jobs::{Ports, Signer, keys};
use zkpool_types::{ProjectId, Secret, Timestamp, UploadId};

use crate::{ApiError, ApiResult};

/// Keeps a signature made here from meaning anything elsewhere.
const PURPOSE: &str = "zkpool upload address v1";

/// Signs addresses and checks them.
#[derive(Clone, Debug)]
pub(crate) struct UploadAddresses {
    ports: Ports,
    signer: Signer,
}

impl UploadAddresses {
    pub(crate) fn new(ports: Ports) -> Self {
        let signer = Signer::new(ports.clone(), keys::upload_address_secret(), PURPOSE);
        Self { ports, signer }
    }

    /// The token of an upload's address.
    pub(crate) async fn sign(
        &self,
        project: &ProjectId,
        id: UploadId,
        expires_at: Timestamp,
    ) -> ApiResult<Secret<String>> {
        let expiry = expires_at.as_second();
        let signature = self.signer.sign(&signed(project, id, expiry)).await?;
        Ok(Secret::new(format!("{project}.{expiry}.{signature}")))
    }

    /// The project whose upload the token opens. A token that was altered, belongs to another
    /// upload or has expired is told apart from an upload that does not exist by nobody.
    pub(crate) async fn verify(&self, id: UploadId, token: &str) -> ApiResult<ProjectId> {
        let unknown = || ApiError::not_found("upload");
        let (project, expiry, signature) = parse(token).ok_or_else(unknown)?;
        if !self.signer.verify(&signed(&project, id, expiry), signature).await? {
            return Err(unknown());
        }
        if expiry < self.ports.clock.now().as_second() {
            return Err(unknown());
        }
        Ok(project)
    }
}

/// What the signature covers.
fn signed(project: &ProjectId, id: UploadId, expiry: i64) -> String {
    format!("{project}\n{id}\n{expiry}")
}

fn parse(token: &str) -> Option<(ProjectId, i64, &str)> {
    let mut parts = token.split('.');
    let (project, expiry, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((project.parse().ok()?, expiry.parse().ok()?, signature))
}
