//! Signatures that only this service makes and accepts, whichever of its processes they meet.
//!
//! A signature is HMAC-SHA256 (RFC 2104) under a secret of 32 random bytes that the first process
//! to need it creates in storage. Its text begins with what it is for, so that a signature made for
//! one thing never means another.

use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::OnceCell;
use zkpool_ports::BlobKey;
use zkpool_types::Secret;

use crate::{PortError, Ports};

/// Length of a secret, in bytes.
const SECRET_BYTES: usize = 32;

/// Bytes of a stored secret, far above what is written.
const SECRET_BYTES_MAX: u64 = 1024;

/// Signs and checks under one secret, for one purpose. Clones share the secret.
#[derive(Clone, Debug)]
pub struct Signer {
    ports: Ports,
    key: BlobKey,
    purpose: &'static str,
    secret: Arc<OnceCell<Secret<Bytes>>>,
}

impl Signer {
    /// A signer whose secret lies at `key`.
    #[must_use]
    pub fn new(ports: Ports, key: BlobKey, purpose: &'static str) -> Self {
        Self { ports, key, purpose, secret: Arc::default() }
    }

    /// The signature of `text`, in hexadecimal.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn sign(&self, text: &str) -> Result<String, PortError> {
        Ok(hex::encode(self.mac(text).await?.finalize().into_bytes()))
    }

    /// Whether `signature` is that of `text`. The comparison takes the same time wherever they
    /// differ.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn verify(&self, text: &str, signature: &str) -> Result<bool, PortError> {
        let Ok(signature) = hex::decode(signature) else { return Ok(false) };
        Ok(self.mac(text).await?.verify_slice(&signature).is_ok())
    }

    async fn mac(&self, text: &str) -> Result<Hmac<Sha256>, PortError> {
        let secret = self.secret.get_or_try_init(|| self.load_or_create()).await?;
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose())
            .map_err(|_| PortError::Secret { key: self.key.clone() })?;
        Ok(mac.chain_update(format!("{}\n{text}", self.purpose)))
    }

    /// Creates the secret unless another process did, and reads back the one that holds.
    async fn load_or_create(&self) -> Result<Secret<Bytes>, PortError> {
        if self.ports.blobs.head(&self.key).await?.is_none() {
            let mut fresh = [0; SECRET_BYTES];
            self.ports.rng.fill(&mut fresh);
            self.ports.blobs.put_once(&self.key, Bytes::copy_from_slice(&fresh)).await?;
        }
        Ok(Secret::new(self.ports.blobs.get(&self.key, SECRET_BYTES_MAX).await?))
    }
}
