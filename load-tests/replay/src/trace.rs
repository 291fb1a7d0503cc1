//! Arrivals of jobs: recorded ones as they were, synthetic ones from a description and a seed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::synthetic::Pattern;

/// Most jobs of a trace: what a replay keeps in memory is bounded by it.
const ARRIVALS_MAX: usize = 5_000_000;

/// Longest trace, in minutes: four weeks.
const MINUTES_MAX: u64 = 4 * 7 * 24 * 60;

/// What is proven.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Circuit {
    /// Its name.
    pub name: String,
    /// How often it is asked for, relative to the others of the trace.
    #[serde(default = "one")]
    pub share: u32,
    /// How long one proof keeps a device of each class, in milliseconds.
    pub proving_ms: BTreeMap<String, u64>,
    /// How long a machine that has never proven it reads and prepares its key, in milliseconds.
    #[serde(default)]
    pub key_cold_ms: u64,
}

fn one() -> u32 {
    1
}

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it is submitted, in milliseconds from the start.
    pub at_ms: u64,
    /// Its circuit, as a position in [`Trace::circuits`].
    pub circuit: usize,
}

/// Jobs, ascending in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The circuits they are of.
    pub circuits: Vec<Circuit>,
    /// The jobs.
    pub arrivals: Vec<Arrival>,
    /// How long to play. Long enough for what came last to be proven and all provers to go.
    pub minutes: u64,
}

/// Why a trace is none.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Not the JSON of a trace.
    #[error("this is no trace: {0}")]
    Json(#[from] serde_json::Error),
    /// No circuit, or none that is ever asked for.
    #[error("a trace has at least one circuit with a share above zero")]
    NoCircuit,
    /// A recorded job of a circuit that is not described.
    #[error("recorded job {job} is of circuit {circuit}, but {circuits} are described")]
    UnknownCircuit {
        /// Its position.
        job: usize,
        /// The circuit it names.
        circuit: usize,
        /// Circuits of the trace.
        circuits: usize,
    },
    /// A recorded job before the one that precedes it.
    #[error("recorded job {0} came before the one that precedes it")]
    Unordered(usize),
    /// More than is replayed.
    #[error("at most {max} {what} are replayed, found {found}")]
    TooMuch {
        /// Jobs or minutes.
        what: &'static str,
        /// The limit.
        max: u64,
        /// What the trace asks for.
        found: u64,
    },
}

/// A file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// For people.
    #[serde(rename = "about")]
    _about: String,
    circuits: Vec<Circuit>,
    /// How long jobs come in, in hours.
    hours: u64,
    /// How long is played after that, in minutes.
    tail_minutes: u64,
    arrivals: Arrivals,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Arrivals {
    /// Milliseconds from the start and the position of the circuit, of each job.
    Recorded(Vec<(u64, usize)>),
    Synthetic {
        seed: u64,
        pattern: Pattern,
    },
}

impl Trace {
    /// Reads a trace from its JSON.
    ///
    /// # Errors
    /// It has another form, is out of order, names what is not there, or asks for too much; see
    /// [`TraceError`].
    pub fn from_json(text: &str) -> Result<Self, TraceError> {
        let file: File = serde_json::from_str(text)?;
        if file.circuits.iter().all(|circuit| circuit.share == 0) {
            return Err(TraceError::NoCircuit);
        }
        let minutes = file.hours.saturating_mul(60).saturating_add(file.tail_minutes);
        at_most("minutes", MINUTES_MAX, minutes)?;
        let arrivals = match file.arrivals {
            Arrivals::Recorded(jobs) => recorded(&jobs, file.circuits.len())?,
            Arrivals::Synthetic { seed, pattern } => {
                let arrivals = pattern.arrivals(seed, file.hours, &file.circuits, ARRIVALS_MAX + 1);
                at_most("jobs", ARRIVALS_MAX as u64, arrivals.len() as u64)?;
                arrivals
            }
        };
        Ok(Self { circuits: file.circuits, arrivals, minutes })
    }
}

fn at_most(what: &'static str, max: u64, found: u64) -> Result<(), TraceError> {
    if found > max { Err(TraceError::TooMuch { what, max, found }) } else { Ok(()) }
}

fn recorded(jobs: &[(u64, usize)], circuits: usize) -> Result<Vec<Arrival>, TraceError> {
    at_most("jobs", ARRIVALS_MAX as u64, jobs.len() as u64)?;
    if let Some(job) = jobs.windows(2).position(|pair| pair[0].0 > pair[1].0) {
        return Err(TraceError::Unordered(job + 1));
    }
    let arrival = |(job, &(at_ms, circuit)): (usize, &(u64, usize))| {
        let known = circuit < circuits;
        let unknown = TraceError::UnknownCircuit { job, circuit, circuits };
        if known { Ok(Arrival { at_ms, circuit }) } else { Err(unknown) }
    };
    jobs.iter().enumerate().map(arrival).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(arrivals: &str) -> Result<Trace, TraceError> {
        Trace::from_json(&format!(
            r#"{{"about": "", "circuits": [{{"name": "a", "proving_ms": {{"cpu": 5}}}}],
                "hours": 1, "tail_minutes": 30, "arrivals": {arrivals}}}"#
        ))
    }

    #[test]
    fn a_recorded_trace_is_what_was_recorded() {
        let trace = file(r#"{"recorded": [[10, 0], [10, 0], [25, 0]]}"#).unwrap();
        let at_ms: Vec<_> = trace.arrivals.iter().map(|arrival| arrival.at_ms).collect();
        assert_eq!((at_ms, trace.minutes), (vec![10, 10, 25], 90));
    }

    #[test]
    fn records_out_of_order_or_of_an_unknown_circuit_are_rejected() {
        let unordered = file(r#"{"recorded": [[10, 0], [9, 0]]}"#);
        assert!(matches!(unordered, Err(TraceError::Unordered(1))), "{unordered:?}");
        let unknown = file(r#"{"recorded": [[10, 1]]}"#);
        assert!(
            matches!(unknown, Err(TraceError::UnknownCircuit { job: 0, circuit: 1, circuits: 1 })),
            "{unknown:?}"
        );
    }

    #[test]
    fn a_pattern_without_end_is_rejected_before_it_fills_the_memory() {
        let endless =
            r#"{"synthetic": {"seed": 1, "pattern": {"diurnal": {"per_hour": 1e12, "swing": 0}}}}"#;
        assert!(matches!(file(endless), Err(TraceError::TooMuch { what: "jobs", .. })));
    }

    #[test]
    fn a_seed_repeats_its_jobs_and_no_others() {
        let seeded = |seed| {
            let pattern = r#"{"diurnal": {"per_hour": 600, "swing": 0.5}}"#;
            file(&format!(r#"{{"synthetic": {{"seed": {seed}, "pattern": {pattern}}}}}"#)).unwrap()
        };
        assert_eq!(seeded(1), seeded(1));
        assert_ne!(seeded(1), seeded(2));
    }
}
