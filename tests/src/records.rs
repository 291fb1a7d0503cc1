//! What the records of a service say became of its jobs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::service::{BUCKET, Service};

/// Requires of every job that was ever accepted that it has succeeded, that it is charged once,
/// and that nothing else is charged for it. Returns the jobs.
///
/// The records are read past the service, from the bucket itself.
#[must_use]
pub fn all_succeeded_and_are_charged_once(service: &Service) -> Vec<String> {
    let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in service.aws.keys(BUCKET, "jobs/acme/") {
        let (job, name) = key["jobs/acme/".len()..].split_once('/').unwrap();
        jobs.entry(job.to_owned()).or_default().push(name.to_owned());
    }
    for (job, names) in &jobs {
        let read = |name: &str| service.aws.json(BUCKET, &format!("jobs/acme/{job}/{name}"));
        assert!(names.contains(&"request.json".to_owned()), "{job} was not accepted: {names:?}");
        assert!(names.contains(&"outcome.json".to_owned()), "{job} is lost: {names:?}");
        let outcome = read("outcome.json");
        assert_eq!(outcome["state"], "succeeded", "{outcome}");
        assert!(charge(&outcome) > 0 && outcome["receipt"]["charged"] == true, "{outcome}");
        for waste in names.iter().filter(|name| name.starts_with("waste/")).map(|name| read(name)) {
            assert_eq!(charge(&waste), 0, "{job} is charged twice: {waste}");
            assert_ne!(waste["attempt"]["id"], outcome["attempt"]["id"], "{waste}");
        }
    }
    jobs.into_keys().collect()
}

fn charge(record: &Value) -> u64 {
    record["receipt"]["charge_nano_usd"].as_u64().unwrap()
}
