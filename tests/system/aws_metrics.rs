//! The metrics that the number of provers follows, from the queue, the records and ECS to the log
//! line that CloudWatch reads. The stand-in's ECS starts nothing, and says that all runs that is
//! wanted.

use serde_json::{Value, json};
use zkpool_tests::lambda::Function;
use zkpool_tests::roles::Roles;
use zkpool_tests::service::{CLUSTER, PROVERS, Service};
use zkpool_tests::standins::Ministack;

use crate::aws::{PROVEN_WITHIN, request};

const TARGET_S: f64 = 300.0;

/// A service whose functions may do what the templates say, and what its schedule starts.
fn start(wanted: u32, cluster: &str) -> (Service, Function) {
    let aws = Ministack::start_with(&[("AUTH", "true")]);
    aws.create_service(CLUSTER, PROVERS, wanted);
    let service = Service::start_on(aws, |aws| Box::new(Roles::create(aws)));
    let metrics = service.start_function_with(
        "metrics",
        &[
            ("ZKPOOL_CLUSTER", cluster),
            ("ZKPOOL_SERVICE", PROVERS),
            ("ZKPOOL_TARGET_BACKLOG_SECONDS", "300"),
            ("ZKPOOL_PROVING_SECONDS_DEFAULT", "30"),
        ],
    );
    (service, metrics)
}

/// The metrics that one event of the schedule publishes.
fn publish(metrics: &Function) -> Value {
    let answer = metrics.invoke(&json!({ "source": "aws.events" }));
    assert_eq!(answer, Value::Null, "it failed");
    let log = metrics.log();
    let published = log.lines().rfind(|line| line.contains("CloudWatchMetrics")).unwrap();
    serde_json::from_str(published).unwrap()
}

fn number(published: &Value, metric: &str) -> f64 {
    published[metric].as_f64().unwrap_or_else(|| panic!("no {metric} in {published}"))
}

#[test]
fn what_waits_and_how_long_proofs_take_are_published_for_those_who_are_wanted() {
    let (service, metrics) = start(2, CLUSTER);
    service.register();
    let client = service.client();
    let submit = |key| client.submit(key, &request()).ok()["id"].as_str().unwrap().to_owned();
    let prover = service.start_prover();
    let proven = submit("first");
    let view = client.poll(&proven, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    prover.process.ask_to_stop();
    assert!(prover.process.wait().success());
    for key in ["second", "third", "fourth"] {
        submit(key);
    }
    let published = publish(&metrics);
    let proving_s = view["receipt"]["usage"]["device_us"].as_f64().unwrap() / 1e6;
    assert!((number(&published, "ProvingSeconds") - proving_s).abs() < 1e-9, "{published}");
    // Three wait, and four came in lately.
    let backlog_s = 3.0 * proving_s / 2.0;
    let found_s = number(&published, "BacklogSecondsPerProver");
    assert!((found_s - backlog_s).abs() < 1e-9, "{backlog_s} {published}");
    let counts = ["ActiveJobs", "ProversWanted", "ProversRunning", "WakeProvers"];
    assert_eq!(counts.map(|metric| published[metric].clone()), [4, 2, 2, 0].map(|n| json!(n)));
    let directive = &published["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(
        (&directive["Namespace"], &directive["Dimensions"]),
        (&json!("ZKPool"), &json!([["Service"]]))
    );
    assert_eq!(published["Service"], PROVERS);
}

#[test]
fn work_wakes_provers_where_none_is_wanted_and_none_is_wanted_without_work() {
    let (service, metrics) = start(0, CLUSTER);
    let idle = publish(&metrics);
    assert_eq!((&idle["ActiveJobs"], &idle["WakeProvers"]), (&json!(0), &json!(0)));
    service.register();
    // As many as are more than one prover's work, at the time that a proof is taken to need.
    let jobs = 11;
    for job in 0..jobs {
        let _ = service.client().submit(&job.to_string(), &request()).ok();
    }
    let woken = publish(&metrics);
    assert!(f64::from(jobs) * 30.0 > TARGET_S, "one prover is enough");
    assert_eq!((&woken["ActiveJobs"], &woken["WakeProvers"]), (&json!(11), &json!(2)));
    assert!((number(&woken, "BacklogSecondsPerProver") - 330.0).abs() < 1e-9, "{woken}");
}

#[test]
fn nothing_is_published_where_the_provers_cannot_be_counted() {
    let (_service, metrics) = start(1, "another-cluster");
    let answer = metrics.invoke(&json!({}));
    assert!(answer["errorMessage"].is_string(), "{answer}");
    assert!(!metrics.log().contains("CloudWatchMetrics"));
}
