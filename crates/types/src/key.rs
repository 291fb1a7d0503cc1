//! API keys and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{KeyId, ProjectId, Secret, Sha256Digest, Timestamp};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Register circuits, upload, submit and cancel proofs.
    Submit,
    /// Read circuits and proofs.
    Read,
    /// Read costs and receipts.
    Finance,
    /// Create, list and revoke keys of the project.
    Admin,
    /// Read an operator's earnings.
    Operator,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] =
        [Self::Submit, Self::Read, Self::Finance, Self::Admin, Self::Operator];

    /// The scope as it is written in JSON and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Finance => "finance",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }
}

/// The text is not a scope.
#[derive(Debug, thiserror::Error)]
#[error("expected one of submit, read, finance, admin, operator, found {0:?}")]
pub struct InvalidScope(String);

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| InvalidScope(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A bearer key: `zkp_` and 64 hexadecimal digits of randomness. Only its digest is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey(Secret<String>);

/// The text is not an API key. The text itself is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("expected an API key (zkp_ and 64 lower-case hexadecimal digits)")]
pub struct InvalidApiKey;

impl ApiKey {
    /// The key made of 32 random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(Secret::new(format!("zkp_{}", hex::encode(random))))
    }

    /// The key as its holder sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The digest under which the key is stored. A key has 256 random bits, so one hash suffices.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.expose().as_bytes())
    }
}

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        let is_key = text.strip_prefix("zkp_").is_some_and(|digits| {
            digits.len() == 64
                && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        if is_key { Ok(Self(Secret::new(text.to_owned()))) } else { Err(InvalidApiKey) }
    }
}

/// What is stored of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct KeyRecord {
    /// The key's public name.
    pub id: KeyId,
    /// The tenant it acts for.
    pub project: ProjectId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_but_does_not_print() {
        let key = ApiKey::from_random([7; 32]);
        assert_eq!(key.expose().parse::<ApiKey>().unwrap(), key);
        assert!(!format!("{key:?}").contains("0707"));
    }

    #[test]
    fn a_long_text_that_is_no_scope_is_rejected_without_repeating_it_as_a_whole() {
        let error = "x".repeat(5000).parse::<Scope>().unwrap_err().to_string();
        assert!(error.contains("xxx") && error.len() < 200, "{error}");
    }

    #[test]
    fn a_malformed_key_is_rejected_without_repeating_it() {
        let error = "zkp_secret".parse::<ApiKey>().unwrap_err().to_string();
        assert!(!error.contains("secret"));
    }
}
