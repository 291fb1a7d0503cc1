//! Measurements: what a report holds, and that its results were checked. Never how long it took.

use serde_json::Value;
use zkpool_tests::command::zkpool_ok;

/// Numbers that every measurement of a device beside the CPU has.
const TIMES: [&str; 4] = ["median_ms", "min_ms", "max_ms", "cpu_median_ms"];

/// The report of `zkpool bench` on a GPU.
fn bench(arguments: &str) -> Value {
    let all = format!("bench {arguments} --device gpu --runs 1 --json");
    let report: Value = serde_json::from_str(&zkpool_ok(all.split(' '))).unwrap();
    let is_time = |name: &&str| report[name].as_f64().is_some_and(|ms| ms > 0.0);
    assert!(TIMES.iter().all(is_time), "{report}");
    assert!(report["device"].as_str().is_some_and(|name| !name.is_empty()), "{report}");
    let stages = report["stages"].as_object().unwrap();
    assert!(!stages.is_empty() && stages.values().all(Value::is_number), "{report}");
    assert_eq!(report["matches"], true, "{report}");
    report
}

/// Whether these fields are numbers above zero.
fn assert_positive(report: &Value, names: &[&str]) {
    for name in names {
        assert!(report[name].as_f64().is_some_and(|value| value > 0.0), "{name} in {report}");
    }
}

#[test]
fn a_measured_multiplication_has_its_peers_and_its_floor() {
    let report = bench("msm --log-size 10");
    let names = ["cpu_single_thread_median_ms", "scalars_ms", "floor_ms", "floor_fraction"];
    assert_positive(&report, &names);
    assert_positive(&report["stages"], &["accumulate"]);
}

#[test]
fn a_measured_transform_has_its_peers_and_its_floor() {
    let report = bench("ntt --what transform --log-size 10");
    assert!(report["measured"].as_str().unwrap().contains("one forward transform"), "{report}");
    let names = ["cpu_single_thread_median_ms", "device_ms", "floor_ms", "floor_fraction"];
    assert_positive(&report, &names);
    assert_positive(&report["stages"], &["transform"]);
}

#[test]
fn a_measured_quotient_has_its_peers() {
    let report = bench("ntt --log-size 10");
    assert!(report["measured"].as_str().unwrap().contains("quotient"), "{report}");
    assert_positive(&report, &["cpu_single_thread_median_ms"]);
}

#[test]
fn measured_proofs_verify() {
    let report = bench("prove --log-size 8");
    assert_positive(&report, &["prepare_ms", "witness_ms", "ntt_ms", "msm_ms", "verify_ms"]);
    assert_positive(&report, &["median_ms", "cpu_median_ms", "cpu_single_thread_median_ms"]);
    assert_eq!((&report["verified"], &report["cpu"]["verified"]), (&true.into(), &true.into()));
}
