//! What the records of a deployment say became of its jobs, read past the service.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use zkpool_types::Timestamp;

use crate::service::{BUCKET, Service};

/// Where records lie.
pub trait Records {
    /// The keys below a prefix.
    fn keys(&self, prefix: &str) -> Vec<String>;
    /// A record.
    fn json(&self, key: &str) -> Value;
}

impl Records for Service {
    fn keys(&self, prefix: &str) -> Vec<String> {
        self.aws.keys(BUCKET, prefix)
    }

    fn json(&self, key: &str) -> Value {
        self.aws.json(BUCKET, key)
    }
}

/// The records of a data directory.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Those of this data directory.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self(data.join("blobs"))
    }
}

impl Records for Directory {
    fn keys(&self, prefix: &str) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.0.join(prefix), &mut files);
        let name = |file: &PathBuf| file.strip_prefix(&self.0).unwrap().display().to_string();
        files.iter().map(name).collect()
    }

    fn json(&self, key: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(key)).unwrap()).unwrap()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The job.
    pub job: String,
    /// Its state.
    pub state: String,
    /// Why it failed, as a code.
    pub failure: Option<String>,
    /// What it was charged, in nano-dollars.
    pub charge_nano_usd: u64,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What became of every job of the project `acme`, and what of it must not be.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// The ends, by job.
    pub ends: Vec<End>,
    /// Jobs that are not what an accepted job must come to, in words.
    pub breaches: Vec<String>,
}

/// Holds every job that was ever accepted against what it must come to: it has ended, it is charged
/// exactly where it succeeded, and nothing else is charged for it.
#[must_use]
pub fn reckon(records: &impl Records) -> Reckoning {
    let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in records.keys("jobs/acme/") {
        let (job, name) = key["jobs/acme/".len()..].split_once('/').unwrap();
        jobs.entry(job.to_owned()).or_default().push(name.to_owned());
    }
    let mut reckoning = Reckoning::default();
    for (job, names) in jobs {
        let breaches = &mut reckoning.breaches;
        if !names.iter().any(|name| name == "request.json") {
            breaches.push(format!("{job} was not accepted: {names:?}"));
        } else if names.iter().any(|name| name == "outcome.json") {
            reckoning.ends.push(end(records, job, &names, breaches));
        } else {
            breaches.push(format!("{job} is lost: {names:?}"));
        }
    }
    reckoning
}

fn end(records: &impl Records, job: String, names: &[String], breaches: &mut Vec<String>) -> End {
    let read = |name: &str| records.json(&format!("jobs/acme/{job}/{name}"));
    let outcome = read("outcome.json");
    let state = outcome["state"].as_str().unwrap().to_owned();
    let charge_nano_usd = charge(&outcome);
    let succeeded = state == "succeeded";
    if (charge_nano_usd > 0) != succeeded || outcome["receipt"]["charged"] != succeeded {
        breaches.push(format!("{job} {state} and is charged {charge_nano_usd}"));
    }
    for waste in names.iter().filter(|name| name.starts_with("waste/")).map(|name| read(name)) {
        if charge(&waste) != 0 || waste["attempt"]["id"] == outcome["attempt"]["id"] {
            breaches.push(format!("{job} is charged twice: {waste}"));
        }
    }
    let failure = outcome["failure"]["code"].as_str().map(str::to_owned);
    let finished_at = outcome["finished_at"].as_str().unwrap().parse().unwrap();
    End { job, state, failure, charge_nano_usd, finished_at }
}

fn charge(record: &Value) -> u64 {
    record["receipt"]["charge_nano_usd"].as_u64().unwrap()
}

/// Witnesses that are still there, of whatever job.
#[must_use]
pub fn witnesses(records: &impl Records) -> Vec<String> {
    let keys = records.keys("jobs/acme/").into_iter();
    keys.filter(|key| key.ends_with("/witness")).collect()
}

/// Requires of every job that was ever accepted that it has succeeded and is charged once. Returns
/// the jobs.
#[must_use]
pub fn all_succeeded_and_are_charged_once(records: &impl Records) -> Vec<String> {
    let Reckoning { ends, breaches } = reckon(records);
    assert!(breaches.is_empty(), "{breaches:#?}");
    let failed: Vec<_> = ends.iter().filter(|end| end.state != "succeeded").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    ends.into_iter().map(|end| end.job).collect()
}
