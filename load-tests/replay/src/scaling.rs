//! The policies, as data.

use serde::{Deserialize, Serialize};

/// The policies of `infra/scaling.json`. Times are in seconds.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Work before each prover that tracking aims at.
    pub target_backlog_s: u64,
    /// What a proof is taken to need before one was measured.
    pub proving_default_s: u64,
    /// Provers at once.
    pub provers_max: u32,
    /// Time from one scale-out of tracking to the next.
    pub scale_out_cooldown_s: u64,
    /// Time from one scale-in of tracking to the next.
    pub scale_in_cooldown_s: u64,
    /// How provers come back from zero.
    pub wake: Wake,
    /// When the last prover goes.
    pub sleep: Sleep,
}

/// The step policy from zero.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Wake {
    /// Time from one step to the next.
    pub cooldown_s: u64,
    /// The steps, ascending.
    pub steps: Vec<Step>,
}

/// Provers that are added from a number of provers asked for, up to the next step's.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The number asked for that the step begins at.
    pub from_provers: u64,
    /// Provers to add.
    pub add: u32,
}

/// The step policy to zero.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Sleep {
    /// Minutes without an active job.
    pub idle_minutes: usize,
    /// Time from one step to the next.
    pub cooldown_s: u64,
}

impl Scaling {
    /// Reads `infra/scaling.json`.
    ///
    /// # Errors
    /// The text is not of this form.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
