//! Measurements: what a report holds, and that its results were checked. Never how long it took.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use zkpool_tests::command::{succeed, zkpool, zkpool_ok, zkpool_path};
use zkpool_tests::groth16::Folder;
use zkpool_tests::workspace::root;

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

/// `zkpool bench msm` on the CPU beside a peer that is this shell script.
fn beside_peer(script: &str) -> Output {
    let folder = Folder::new();
    let file = folder.file("peer.sh");
    fs::write(&file, script).unwrap();
    let peer = format!("shell=sh {}", file.display());
    let measure = "bench msm --device cpu --log-size 4 --runs 2 --peer";
    zkpool(measure.split(' ').chain([peer.as_str()]))
}

/// Whether the measurement ended with an error that names the peer and says this of it.
fn assert_refused(script: &str, why: &str) {
    let output = beside_peer(script);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("the peer shell") && said.contains(why), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn on_the_cpu_arkworks_has_as_many_threads_as_ours() {
    let measure = "bench msm --device cpu --log-size 4 --runs 2 --json";
    let report: Value = serde_json::from_str(&zkpool_ok(measure.split(' '))).unwrap();
    assert_eq!(report["matches"], true, "{report}");
    let arkworks = &report["peers"][0];
    assert_eq!((&arkworks["name"], &arkworks["threads"]), (&"arkworks".into(), &report["threads"]));
    assert_positive(arkworks, &["median_ms", "min_ms", "max_ms", "times_ours"]);
}

#[test]
fn a_peer_that_multiplies_wrongly_is_rejected() {
    assert_refused("echo ready; while read -r line; do echo 1.5 0a 0b; done", "found \"0a 0b\"");
}

#[test]
fn a_peer_that_answers_nonsense_is_rejected() {
    assert_refused("echo steady", "expected the line \"ready\", found \"steady\"");
    assert_refused("echo ready; read -r line; echo soon", "MILLISECONDS X Y");
}

#[test]
fn a_peer_that_dies_is_rejected() {
    assert_refused("echo ready; exit 3", "ended with exit status: 3");
}

/// The script that measures whole proofs, with these arguments behind those for a short run.
fn cpu_bench() -> Command {
    let mut command = Command::new(root().join("load-tests/cpu-bench.sh"));
    command.args(["--runs", "1", "--json", "--zkpool"]).arg(zkpool_path());
    command
}

/// The same over the key and the witness of the fixtures, with a prover as a peer.
fn cpu_bench_of_fixture(peer: &str) -> Command {
    let fixture = root().join("tests/fixtures/bn128");
    let mut command = cpu_bench();
    command.arg("--key").arg(fixture.join("multiplier.zkey"));
    command.arg("--witness").arg(fixture.join("multiplier.wtns"));
    command.args(["--peer", &format!("peer={peer}")]);
    command
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["prover"].as_str().unwrap()).collect()
}

#[test]
fn provers_are_measured_beside_each_other() {
    let ours = format!("{} groth16 prove", zkpool_path().display());
    let report = succeed(&mut cpu_bench_of_fixture(&ours));
    let report: Value = serde_json::from_str(&report).unwrap();
    let [measured] = report.as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!(measured["circuit"], "multiplier.zkey");
    assert_eq!(names(&measured["process"]), ["zkpool", "peer"]);
    assert_eq!(names(&measured["warm"]), ["zkpool"]);
    assert_positive(&measured["process"][1], &["median_ms", "times_ours", "peak_mib"]);
    assert_positive(&measured["warm"][0], &["median_ms", "verify_ms"]);
}

#[test]
fn a_prover_without_a_proof_is_rejected() {
    for (peer, why) in [
        ("true", "the proof of peer does not verify"),
        ("false", "peer ended with 1"),
        ("/nowhere/prover", "peer cannot be started"),
    ] {
        let output = cpu_bench_of_fixture(peer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
}

#[test]
fn circuits_of_their_own_fill_their_domains_and_warm_peers_are_told_of_them() {
    let folder = Folder::new();
    let (peer, told) = (folder.file("peer.sh"), folder.file("told"));
    fs::write(&peer, format!("echo $1 $2 >>{}; ls $3 $4 $5; echo 5.5", told.display())).unwrap();
    let mut command = cpu_bench();
    command.args(["--sizes", "12", "--cache"]).arg(folder.file("cache"));
    command.args(["--warm-peer", &format!("peer=sh {}", peer.display())]);
    let report: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
    let circuits = report.as_array().unwrap().iter().map(|measured| &measured["circuit"]);
    assert_eq!(circuits.collect::<Vec<_>>(), ["dense 2^12", "bits 2^12"]);
    let warm = &report[1]["warm"];
    assert_eq!((names(warm), &warm[1]["median_ms"]), (vec!["zkpool", "peer"], &5.5.into()));
    let told = fs::read_to_string(told).unwrap();
    assert_eq!(told, "dense 12\ndense 12\nbits 12\nbits 12\n");
}
