//! Scenarios: which circuits there are, and who asks for proofs of them when.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use zkpool_types::ProjectId;

use super::RunError;

/// The scenarios that have a name.
const NAMED: [(&str, &str); 11] = [
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("burst", include_str!("../../scenarios/burst.toml")),
    ("rollup", include_str!("../../scenarios/rollup.toml")),
    ("tenants", include_str!("../../scenarios/tenants.toml")),
    ("noisy", include_str!("../../scenarios/noisy.toml")),
    ("mixed", include_str!("../../scenarios/mixed.toml")),
    ("small", include_str!("../../scenarios/small.toml")),
    ("cold", include_str!("../../scenarios/cold.toml")),
    ("platform", include_str!("../../scenarios/platform.toml")),
    ("soak", include_str!("../../scenarios/soak.toml")),
    ("poison", include_str!("../../scenarios/poison.toml")),
];

/// Longest time in which jobs are sent: a day.
const SECONDS_MAX: u64 = 24 * 3600;

/// Keys of one circuit: each takes a setup.
const KEYS_MAX: u32 = 16;

/// Streams of one scenario.
const STREAMS_MAX: usize = 64;

/// Workers of one host.
const WORKERS_MAX: usize = 64;

/// A scenario as its file has it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// For people.
    pub(crate) about: String,
    /// How long jobs are sent.
    pub(crate) seconds: u64,
    /// Of everything that is left to chance.
    #[serde(default)]
    pub(crate) seed: u64,
    /// One in so many jobs is waited for and its proof verified, as its requester would do.
    #[serde(default = "one")]
    pub(crate) follow_one_in: u32,
    /// No proof is made before the time that is measured, so that the first ones find no key ready.
    #[serde(default)]
    pub(crate) cold: bool,
    /// The service proves nothing but what is new to it: what is measured is all the rest.
    #[serde(default)]
    pub(crate) repeats: Option<Repeats>,
    /// What is proven.
    pub(crate) circuits: Vec<Circuit>,
    /// Who asks for it.
    pub(crate) streams: Vec<Stream>,
}

const fn one() -> u32 {
    1
}

/// The provers of a service that makes each proof once and repeats it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeats {
    /// How many there are.
    pub(crate) workers: usize,
    /// How long each repetition keeps its worker, in milliseconds.
    #[serde(default)]
    pub(crate) pace_ms: u64,
}

/// A circuit.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Circuit {
    /// The name that it is registered under.
    pub(crate) name: String,
    /// What it computes.
    pub(crate) source: Source,
    /// Of so many different keys, which are taken in turn.
    #[serde(default = "one")]
    pub(crate) keys: u32,
}

/// The circuits that come with the repository.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// One multiplication; a proof takes milliseconds and its key 13 kB.
    Multiplier,
    /// One multiplication under witnesses that do not satisfy it: no proof is ever made.
    Unsatisfied,
    /// The same under files that are cut off.
    Malformed,
    /// The same with a witness generator that breaks down.
    Trapping,
    /// The same with one that never ends.
    Endless,
    /// The same with one that takes all the memory it can get.
    Hungry,
    /// A signed transfer of a rollup, 2^14 constraints and more; its keys are made for the run.
    Rollup,
}

impl Source {
    /// Whether its jobs can be proved.
    pub(crate) const fn is_sound(self) -> bool {
        matches!(self, Self::Multiplier | Self::Rollup)
    }
}

/// Jobs of one circuit that one project sends.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    /// Who sends them.
    pub(crate) project: ProjectId,
    /// The circuit's name.
    pub(crate) circuit: String,
    /// When.
    pub(crate) pattern: Pattern,
}

/// When jobs are sent.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Pattern {
    /// At equal distances.
    Even {
        /// Jobs in a second.
        per_s: f64,
    },
    /// Independently of each other.
    Random {
        /// Jobs in a second on average.
        per_s: f64,
    },
    /// So many at once, again and again, the first ones at the start.
    Batches {
        /// From one batch to the next.
        every_s: f64,
        /// Jobs of a batch.
        jobs: u32,
    },
}

impl Scenario {
    /// A scenario by its name or from a file, for so many seconds in place of its own.
    pub(crate) fn load(name_or_path: &Path, seconds: Option<u64>) -> Result<Self, RunError> {
        let named = NAMED.iter().find(|(name, _)| Path::new(name) == name_or_path);
        let text = match named {
            Some((_, text)) => (*text).to_owned(),
            None => fs::read_to_string(name_or_path)
                .map_err(|error| RunError::File(name_or_path.to_owned(), error))?,
        };
        let refused = |why: String| RunError::Scenario(PathBuf::from(name_or_path), why);
        let mut scenario: Self =
            toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
        scenario.seconds = seconds.unwrap_or(scenario.seconds);
        scenario.check().map_err(refused)?;
        Ok(scenario)
    }

    /// The scenario without what one of its projects sends. Others must send something.
    pub(crate) fn without(mut self, project: &ProjectId) -> Result<Self, String> {
        let all = self.streams.len();
        self.streams.retain(|stream| stream.project != *project);
        if self.streams.is_empty() || self.streams.len() == all {
            return Err(format!("expected one of several projects that send, found {project}"));
        }
        Ok(self)
    }

    /// How long jobs are sent.
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The circuit of a stream.
    pub(crate) fn circuit_of(&self, stream: &Stream) -> Option<&Circuit> {
        self.circuits.iter().find(|circuit| circuit.name == stream.circuit)
    }

    fn check(&self) -> Result<(), String> {
        within("seconds", self.seconds, SECONDS_MAX)?;
        within("follow_one_in", self.follow_one_in.into(), u32::MAX.into())?;
        within("streams", self.streams.len() as u64, STREAMS_MAX as u64)?;
        if let Some(Repeats { workers, .. }) = self.repeats {
            within("workers", workers as u64, WORKERS_MAX as u64)?;
        }
        for circuit in &self.circuits {
            within("keys", circuit.keys.into(), KEYS_MAX.into())?;
            if circuit.keys > 1 && circuit.source != Source::Rollup {
                return Err("expected one key of the multiplier, whose key is a file".to_owned());
            }
        }
        let unknown = self.streams.iter().find(|stream| self.circuit_of(stream).is_none());
        unknown.map_or(Ok(()), |stream| {
            Err(format!("expected the name of a circuit, found {:?}", stream.circuit))
        })
    }
}

fn within(what: &str, found: u64, max: u64) -> Result<(), String> {
    if (1..=max).contains(&found) {
        Ok(())
    } else {
        Err(format!("expected 1 to {max} {what}, found {found}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        fs::write(&path, text).unwrap();
        Scenario::load(&path, None).unwrap_err().to_string()
    }

    #[test]
    fn every_named_scenario_holds_and_can_be_planned() {
        for (name, _) in NAMED {
            let scenario = Scenario::load(Path::new(name), None).unwrap();
            let plan = super::super::plan::plan(&scenario).unwrap();
            assert!(!plan.is_empty() && !scenario.about.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_length_can_be_given_in_place_of_the_files() {
        assert_eq!(Scenario::load(Path::new("steady"), Some(3)).unwrap().seconds, 3);
        assert!(Scenario::load(Path::new("steady"), Some(0)).is_err());
    }

    #[test]
    fn one_of_several_projects_can_be_left_out() {
        let scenario = || Scenario::load(Path::new("poison"), None).unwrap();
        let left = scenario().without(&"poison".parse().unwrap()).unwrap();
        assert_eq!(left.streams, scenario().streams[..2]);
        assert!(scenario().without(&"poisson".parse().unwrap()).unwrap_err().contains("poisson"));
        let alone = Scenario::load(Path::new("rollup"), None).unwrap();
        assert!(alone.without(&"sequencer".parse().unwrap()).is_err());
    }

    #[test]
    fn a_stream_of_an_unknown_circuit_is_rejected() {
        let text = r#"
            about = ""
            seconds = 1
            circuits = [{ name = "a", source = "multiplier" }]
            streams = [{ project = "p", circuit = "b", pattern = { even = { per_s = 1.0 } } }]
        "#;
        assert!(refusal(text).contains("found \"b\""));
        assert!(refusal(&text.replace("seconds", "minutes")).contains("minutes"));
    }
}
