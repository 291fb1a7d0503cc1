//! What is played: the repository's own traces, fleet and policies, or files in their place.

use std::fs;
use std::path::{Path, PathBuf};

use zkpool_replay::{Machines, Scaling, Trace};

use super::ReplayError;

/// The traces that have a name.
pub(super) const TRACES: [(&str, &str); 3] = [
    ("diurnal", include_str!("../../replay/traces/diurnal.json")),
    ("rollup", include_str!("../../replay/traces/rollup.json")),
    ("bursty", include_str!("../../replay/traces/bursty.json")),
];

const FLEET: &str = include_str!("../../replay/fleet.json");
const POLICY: &str = include_str!("../../../infra/scaling.json");

/// A trace by its name or from a file.
pub(super) fn trace(name_or_path: &Path) -> Result<Trace, ReplayError> {
    let named = TRACES.iter().find(|(name, _)| Path::new(name) == name_or_path);
    let text = named.map_or_else(|| read(name_or_path), |(_, text)| Ok((*text).to_owned()))?;
    Trace::from_json(&text).map_err(|error| ReplayError::Trace(name_or_path.to_owned(), error))
}

/// The fleet, from a file if one is given.
pub(super) fn fleet(path: Option<&PathBuf>) -> Result<Machines, ReplayError> {
    let (path, text) = given(path, "load-tests/replay/fleet.json", FLEET)?;
    Machines::from_json(&text).map_err(|error| ReplayError::Form(path, error))
}

/// The policies, from a file if one is given.
pub(super) fn policy(path: Option<&PathBuf>) -> Result<Scaling, ReplayError> {
    let (path, text) = given(path, "infra/scaling.json", POLICY)?;
    Scaling::from_json(&text).map_err(|error| ReplayError::Form(path, error))
}

fn given(path: Option<&PathBuf>, own: &str, text: &str) -> Result<(PathBuf, String), ReplayError> {
    match path {
        Some(path) => Ok((path.clone(), read(path)?)),
        None => Ok((PathBuf::from(own), text.to_owned())),
    }
}

fn read(path: &Path) -> Result<String, ReplayError> {
    fs::read_to_string(path).map_err(|error| ReplayError::File(path.to_owned(), error))
}

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), ReplayError> {
    fs::write(path, text).map_err(|error| ReplayError::File(path.to_owned(), error))
}
