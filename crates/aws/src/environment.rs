//! Settings from environment variables.
//!
//! The variables are read by whoever owns the process; here is what they are called and what they
//! mean.

use zkpool_ports::QueuePolicy;
use zkpool_types::limits::{ATTEMPTS_MAX, NOTICE_RECEIVES_MAX};

use crate::{QueueSettings, Settings};

/// Name of the bucket.
pub const BUCKET: &str = "ZKPOOL_BUCKET";

/// URL of the queue.
pub const QUEUE_URL: &str = "ZKPOOL_QUEUE_URL";

/// URL of the dead-letter queue.
pub const DEAD_LETTER_QUEUE_URL: &str = "ZKPOOL_DEAD_LETTER_QUEUE_URL";

/// URL of the queue of notices for webhooks.
pub const NOTICE_QUEUE_URL: &str = "ZKPOOL_NOTICE_QUEUE_URL";

/// URL of its dead-letter queue.
pub const NOTICE_DEAD_LETTER_QUEUE_URL: &str = "ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL";

/// KMS key that objects are encrypted with. Optional.
pub const KMS_KEY: &str = "ZKPOOL_KMS_KEY";

/// `true` where the bucket is addressed as a path. Optional, `false` by default.
pub const S3_PATH_STYLE: &str = "ZKPOOL_S3_PATH_STYLE";

/// Why an environment gives no settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that is needed is unset or empty.
    #[error("expected {expected} in {variable}, found none")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// A variable holds something else.
    #[error("expected {expected} in {variable}, found {found:?}")]
    Invalid {
        /// The variable.
        variable: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
}

impl Settings {
    /// The settings that these variables give. An empty variable is an unset one.
    ///
    /// # Errors
    /// A variable is missing or malformed; the error names it.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, EnvironmentError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |variable, expected| {
            optional(variable).ok_or(EnvironmentError::Missing { variable, expected })
        };
        let queue = |live, dead, receives_max| {
            let url = |variable| url(variable, required(variable, QUEUE)?);
            let policy = QueuePolicy { receives_max };
            Ok(QueueSettings { url: url(live)?, dead_letter_url: url(dead)?, policy })
        };
        Ok(Self {
            bucket: required(BUCKET, "the name of a bucket")?,
            path_style: path_style(optional(S3_PATH_STYLE).as_deref())?,
            kms_key: optional(KMS_KEY),
            jobs: queue(QUEUE_URL, DEAD_LETTER_QUEUE_URL, ATTEMPTS_MAX)?,
            notices: queue(NOTICE_QUEUE_URL, NOTICE_DEAD_LETTER_QUEUE_URL, NOTICE_RECEIVES_MAX)?,
        })
    }
}

const QUEUE: &str = "the URL of a queue";

fn url(variable: &'static str, found: String) -> Result<String, EnvironmentError> {
    if found.starts_with("https://") || found.starts_with("http://") {
        return Ok(found);
    }
    Err(EnvironmentError::Invalid { variable, expected: QUEUE, found })
}

fn path_style(value: Option<&str>) -> Result<bool, EnvironmentError> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(found) => Err(EnvironmentError::Invalid {
            variable: S3_PATH_STYLE,
            expected: "true or false",
            found: found.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 6] = [
        (BUCKET, "b"),
        (QUEUE_URL, "https://sqs.example/q"),
        (DEAD_LETTER_QUEUE_URL, "https://sqs.example/d"),
        (NOTICE_QUEUE_URL, "https://sqs.example/n"),
        (NOTICE_DEAD_LETTER_QUEUE_URL, "https://sqs.example/nd"),
        (KMS_KEY, ""),
    ];

    fn read(variables: &[(&str, &str)]) -> Result<Settings, EnvironmentError> {
        Settings::from_environment(|wanted| {
            let found = variables.iter().rev().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_complete_environment_gives_settings() {
        let settings = read(&COMPLETE).unwrap();
        assert_eq!((settings.bucket.as_str(), settings.kms_key), ("b", None));
        assert_eq!(settings.jobs.policy.receives_max, ATTEMPTS_MAX);
        assert!(!settings.path_style);
    }

    #[test]
    fn a_missing_variable_is_rejected_by_its_name() {
        let needed = COMPLETE.into_iter().map(|(name, _)| name).filter(|name| *name != KMS_KEY);
        for missing in needed {
            let rest: Vec<_> = COMPLETE.into_iter().filter(|(name, _)| *name != missing).collect();
            let error = read(&rest).unwrap_err();
            assert!(
                matches!(error, EnvironmentError::Missing { variable, .. } if variable == missing),
                "{error}"
            );
        }
    }

    #[test]
    fn a_malformed_variable_is_rejected_by_its_name() {
        for (name, value) in [(QUEUE_URL, "q"), (S3_PATH_STYLE, "yes")] {
            let error = read(&[&COMPLETE[..], &[(name, value)]].concat()).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(value), "{text}");
        }
    }
}
