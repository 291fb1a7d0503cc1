//! Budgets: what a project may spend in a month, as the API shows it and as it is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AttemptId, KeyId, NanoUsd, Sha256Digest, Timestamp};

/// What a budget bounds: everything of the project, or what has one tag. Written `*` or
/// `name:value`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BudgetScope {
    /// Everything.
    Project,
    /// Jobs with this tag of this value.
    Tag(String, String),
}

impl BudgetScope {
    /// Whether a job with these tags counts.
    #[must_use]
    pub fn covers(&self, tags: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Project => true,
            Self::Tag(name, value) => tags.get(name) == Some(value),
        }
    }
}

/// The text is not the scope of a budget.
#[derive(Debug, thiserror::Error)]
#[error("expected * or name:value, found {0:?}")]
pub struct InvalidBudgetScope(String);

impl FromStr for BudgetScope {
    type Err = InvalidBudgetScope;

    fn from_str(text: &str) -> Result<Self, InvalidBudgetScope> {
        match text.split_once(':') {
            None if text == "*" => Ok(Self::Project),
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self::Tag(name.to_owned(), value.to_owned()))
            }
            _ => Err(InvalidBudgetScope(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for BudgetScope {
    type Error = InvalidBudgetScope;

    fn try_from(text: String) -> Result<Self, InvalidBudgetScope> {
        text.parse()
    }
}

impl From<BudgetScope> for String {
    fn from(scope: BudgetScope) -> Self {
        scope.to_string()
    }
}

impl fmt::Display for BudgetScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project => f.write_str("*"),
            Self::Tag(name, value) => write!(f, "{name}:{value}"),
        }
    }
}

/// What may be spent in a calendar month (UTC).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What counts.
    pub scope: BudgetScope,
    /// The bound.
    pub limit_nano_usd: NanoUsd,
    /// Shares of the limit, in percent, that raise an alert when they are reached.
    #[serde(default)]
    pub alerts_percent: Vec<u8>,
    /// Whether submissions beyond the limit are refused.
    #[serde(default)]
    pub hard_stop: bool,
}

/// `PUT /v1/budgets`: every budget of the project. Those that are left out are removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutBudgets {
    /// The budgets.
    pub budgets: Vec<Budget>,
}

/// The stored budgets of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetsRecord {
    /// The budgets.
    pub budgets: Vec<Budget>,
    /// When they were set.
    pub updated_at: Timestamp,
    /// The key that set them.
    pub updated_by: KeyId,
}

/// A share of a budget that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BudgetAlert {
    /// Which budget.
    pub scope: BudgetScope,
    /// The share of the limit.
    pub percent: u8,
    /// The limit at that time.
    pub limit_nano_usd: NanoUsd,
    /// What was committed then.
    pub committed_nano_usd: NanoUsd,
    /// When.
    pub at: Timestamp,
}

/// A budget with where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BudgetView {
    /// What was set.
    #[serde(flatten)]
    pub budget: Budget,
    /// What counts against the limit: charged and reserved.
    pub committed_nano_usd: NanoUsd,
    /// The part of it that open jobs will be charged if they succeed.
    pub reserved_nano_usd: NanoUsd,
    /// What is left; zero where nothing is.
    pub remaining_nano_usd: NanoUsd,
    /// Alerts of this month.
    pub alerts: Vec<BudgetAlert>,
}

/// `GET /v1/budgets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BudgetsView {
    /// The month that is running, such as `2026-11`.
    pub month: String,
    /// The budgets, in the order in which they were set.
    pub budgets: Vec<BudgetView>,
    /// When they were set; none where there never was one.
    pub updated_at: Option<Timestamp>,
}

/// One entry of a project's budget log of a month: create-once, numbered without a gap.
///
/// Whoever creates entry n + 1 has read entry n, so that of two who do at once one has to try
/// again: what an entry commits was free when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetEntry {
    /// Tells this entry from another writer's.
    pub id: AttemptId,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub change: BudgetChange,
    /// Where everything stands after it.
    pub state: BudgetState,
    /// Alerts that it raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<BudgetAlert>,
}

/// What one entry of the log is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetChange {
    /// What was spent before there was a budget now counts.
    Opened {
        /// The scopes that are counted from now on.
        scopes: Vec<BudgetScope>,
    },
    /// A job's price is set aside.
    Reserved {
        /// Digest of the submission's idempotency key, by which its job is found.
        submission: Sha256Digest,
        /// The price.
        amount_nano_usd: NanoUsd,
        /// The job's labels.
        tags: BTreeMap<String, String>,
    },
    /// What jobs that ended uncharged had set aside is free again.
    Released {
        /// Entries of the log.
        entries: Vec<u64>,
    },
}

/// Where the budgets of a project stand after an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetState {
    /// What is counted, by scope.
    pub accounts: BTreeMap<BudgetScope, BudgetAccount>,
    /// No entry up to this one needs to be looked at again.
    pub settled: u64,
    /// Reservations after that which are released already.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub released: BTreeSet<u64>,
}

/// What is counted for one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetAccount {
    /// Charged and reserved.
    pub committed_nano_usd: NanoUsd,
    /// Alerts of this month.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<BudgetAlert>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back_as_written() {
        for text in ["*", "team:red", "team:a:b"] {
            assert_eq!(text.parse::<BudgetScope>().unwrap().to_string(), text);
        }
        for bad in ["", "team", ":red", "team:"] {
            assert!(bad.parse::<BudgetScope>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_tag_covers_jobs_that_have_it() {
        let tags = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
        let covers = |scope: &str| scope.parse::<BudgetScope>().unwrap().covers(&tags);
        assert_eq!([covers("*"), covers("team:red"), covers("team:blue")], [true, true, false]);
    }
}
