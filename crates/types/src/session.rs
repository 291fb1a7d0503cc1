//! Sign-ins to the dashboard.

use serde::{Deserialize, Serialize};

use crate::{SessionId, Sha256Digest, Timestamp};

/// What is stored of a sign-in. Neither the key nor what the browser presents can be told from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The sign-in.
    pub id: SessionId,
    /// Digest of the secret that the browser presents.
    pub secret: Sha256Digest,
    /// Digest of the API key that signed in. The session ends when the key is revoked.
    pub key: Sha256Digest,
    /// When it ends.
    pub expires_at: Timestamp,
}
