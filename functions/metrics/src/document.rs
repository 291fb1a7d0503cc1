//! Metrics as a log line in CloudWatch's embedded metric format.

use serde_json::{Value, json};
use zkpool_types::Timestamp;

use crate::{Backlog, Observed};

/// The namespace of every metric.
const NAMESPACE: &str = "ZKPool";

/// The dimension that tells one service of provers from another.
const DIMENSION: &str = "Service";

/// Every metric with its unit, in the order of [`values`].
const METRICS: [(&str, &str); 6] = [
    ("BacklogSecondsPerProver", "Seconds"),
    ("ActiveJobs", "Count"),
    ("WakeProvers", "Count"),
    ("ProversWanted", "Count"),
    ("ProversRunning", "Count"),
    ("ProvingSeconds", "Seconds"),
];

/// The values of [`METRICS`].
fn values(observed: &Observed, backlog: &Backlog) -> [Value; METRICS.len()] {
    [
        json!(backlog.seconds_per_prover),
        json!(backlog.active_jobs),
        json!(backlog.wake_provers),
        json!(observed.fleet.wanted),
        json!(observed.fleet.running),
        json!(observed.proving.as_secs_f64()),
    ]
}

/// One line without its end, which CloudWatch takes out of a function's log as the metrics of the
/// provers' `service` at that time.
#[must_use]
pub fn document(at: Timestamp, service: &str, observed: &Observed, backlog: &Backlog) -> String {
    let metrics: Vec<_> =
        METRICS.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [
                { "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics },
            ],
        },
        DIMENSION: service,
    });
    for ((name, _), value) in METRICS.iter().zip(values(observed, backlog)) {
        line[*name] = value;
    }
    line.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zkpool_ports::Depth;

    use super::*;
    use crate::{Fleet, backlog};

    #[test]
    fn every_metric_that_is_announced_has_a_value_and_no_line_break() {
        let observed = Observed {
            queue: Depth { visible: 3, in_flight: 1, delayed: 0 },
            accepted_lately: 9,
            fleet: Fleet { wanted: 2, running: 1 },
            proving: Duration::from_millis(1500),
        };
        let backlog = backlog(&observed, Duration::from_secs(300));
        let at = Timestamp::from_millisecond(1_764_000_000_123).unwrap();
        let line = document(at, "provers", &observed, &backlog);
        assert!(!line.contains('\n'));
        let read: Value = serde_json::from_str(&line).unwrap();
        let directive = &read["_aws"]["CloudWatchMetrics"][0];
        let announced = directive["Metrics"].as_array().unwrap();
        assert_eq!(announced.len(), METRICS.len());
        assert!(announced.iter().all(|metric| read[metric["Name"].as_str().unwrap()].is_number()));
        assert_eq!(read["_aws"]["Timestamp"], 1_764_000_000_123_i64);
        assert_eq!(read[directive["Dimensions"][0][0].as_str().unwrap()], "provers");
        assert_eq!(
            (read["ActiveJobs"].as_u64(), read["ProvingSeconds"].as_f64()),
            (Some(9), Some(1.5))
        );
    }
}
