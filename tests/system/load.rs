//! The load generator, for a few seconds: what it sends is committed, and its report is whole. How
//! long anything took is not looked at.

use std::fs;
use std::process::Command;

use serde_json::Value;
use zkpool_tests::command::{built, succeed};

/// Runs a scenario for so many seconds, and returns its report as JSON and as a page.
fn run(scenario: &str, seconds: &str) -> (Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("report.html");
    let mut command = Command::new(built("zkpool-load"));
    command.args(["run", scenario, "--seconds", seconds, "--json", "--html"]).arg(&page);
    let report = serde_json::from_str(&succeed(&mut command)).unwrap();
    (report, fs::read_to_string(page).unwrap())
}

/// Every job was sent, accepted and proven, and nothing failed.
fn assert_all_committed(report: &Value) {
    for name in ["submitted", "committed"] {
        assert_eq!(report[name], report["planned"], "{name} in {report:#}");
    }
    assert_eq!(report["errors"], serde_json::json!({}), "{report:#}");
    let is_positive = |value: &Value| value.as_f64().is_some_and(|number| number > 0.0);
    for name in ["submitted_per_s", "p50_ms", "p99_ms", "rss_mb_start", "rss_mb_end"] {
        assert!(is_positive(&report[name]), "{name} in {report:#}");
    }
    for part in ["submission", "waiting", "fetching", "proving", "service", "whole"] {
        assert!(is_positive(&report["parts"][part]["count"]), "{part} in {report:#}");
    }
    assert_eq!(report["end"]["queued"], 0, "{report:#}");
}

#[test]
fn a_short_burst_is_proven_whole_and_reported() {
    let (report, page) = run("burst", "1");
    assert_all_committed(&report);
    assert_eq!(report["planned"], 200);
    assert!(report["nano_usd_per_proof"].as_u64() > Some(0), "{report:#}");
    assert_eq!(report["tenants"]["app"]["committed"], 200);
    assert_eq!(page.matches("<svg").count(), 3, "{page}");
    assert!(page.contains("burst: 200 planned, 200 submitted"), "{page}");
}

#[test]
fn the_platform_alone_commits_what_it_accepts() {
    let (report, _) = run("platform", "1");
    assert_all_committed(&report);
    let tenants = report["tenants"].as_object().unwrap();
    assert_eq!(tenants.len(), 4);
    assert!(tenants.values().all(|tenant| tenant["committed"] == tenant["submitted"]));
}
