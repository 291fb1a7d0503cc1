//! Ids. Generated ids are UUIDs of version 7 (RFC 9562), so that they sort by time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id of the named kind.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct InvalidId {
    expected: &'static str,
    found: String,
}

impl InvalidId {
    pub(crate) fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(80).collect() }
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a fresh UUID taken from the Ids port.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID.
            #[must_use]
            pub const fn get(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // Only the lower-case hyphenated spelling names an object.
                match Uuid::try_parse(text) {
                    Ok(id) if id.hyphenated().to_string() == text => Ok(Self(id)),
                    _ => Err(InvalidId::new($expected, text)),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

uuid_id!(
    /// A proof request. Ids of later requests sort after ids of earlier ones.
    JobId,
    "a job id (a lower-case hyphenated UUID)"
);
uuid_id!(
    /// One delivery of a job to one prover.
    AttemptId,
    "an attempt id (a lower-case hyphenated UUID)"
);
uuid_id!(
    /// The public name of an API key; never the key itself.
    KeyId,
    "a key id (a lower-case hyphenated UUID)"
);
uuid_id!(
    /// A large artifact or witness on its way in.
    UploadId,
    "an upload id (a lower-case hyphenated UUID)"
);
uuid_id!(
    /// A sign-in to the dashboard; never what its browser presents.
    SessionId,
    "a session id (a lower-case hyphenated UUID)"
);
uuid_id!(
    /// A correction of a charge.
    CorrectionId,
    "a correction id (a lower-case hyphenated UUID)"
);

uuid_id!(
    /// Something that was asked for with a right beyond proving.
    ActionId,
    "an action id (a lower-case hyphenated UUID)"
);
uuid_id!(
    /// A quote. The signed text that a submission names begins with it.
    QuoteId,
    "a quote id (a lower-case hyphenated UUID)"
);

uuid_id!(
    /// An address that a project is told events at.
    WebhookId,
    "a webhook id (a lower-case hyphenated UUID)"
);

uuid_id!(
    /// Something that webhooks are told. Ids of later events sort after ids of earlier ones.
    EventId,
    "an event id (a lower-case hyphenated UUID)"
);

/// A tenant: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(String);

impl ProjectId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is a name: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter.
///
/// Names stand in storage keys, so they hold no separator, no dot and no upper case.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= crate::limits::NAME_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl FromStr for ProjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::new("a project (1 to 40 of a-z, 0-9 and -, a letter first)", text))
        }
    }
}

impl TryFrom<String> for ProjectId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ProjectId> for String {
    fn from(id: ProjectId) -> Self {
        id.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = "018f2e7a-0000-7000-8000-000000000001";
        assert_eq!(id.parse::<JobId>().unwrap().to_string(), id);
        assert!(id.to_uppercase().parse::<JobId>().is_err());
        assert!(id.replace('-', "").parse::<JobId>().is_err());
    }

    #[test]
    fn a_project_that_could_leave_its_folder_is_rejected() {
        for bad in ["", "..", "a/b", "A", "1a", "a.b", "a_b", &"a".repeat(41)] {
            assert!(bad.parse::<ProjectId>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("rollup-1".parse::<ProjectId>().unwrap().as_str(), "rollup-1");
    }
}
