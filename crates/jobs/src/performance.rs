//! How long recent proofs of a circuit took.

use std::collections::BTreeMap;

use zkpool_types::api::{CircuitPerformance, DevicePerformance};
use zkpool_types::{CircuitRef, DeviceClass, JobState, Outcome, ProjectId};

use crate::{JobError, Jobs};

/// Jobs of the project that are looked at, newest first.
const SCAN_MAX: usize = 500;

impl Jobs {
    /// Median and 95th percentile of device time by class of device, over the circuit's proofs
    /// among the latest 500 jobs of the project.
    ///
    /// # Errors
    /// A port failed.
    pub async fn performance(
        &self,
        project: &ProjectId,
        circuit: &CircuitRef,
    ) -> Result<CircuitPerformance, JobError> {
        let mut times: BTreeMap<DeviceClass, Vec<u64>> = BTreeMap::new();
        for job in self.newest(project, None, SCAN_MAX).await? {
            let outcome = self.outcome(project, job).await?;
            if let Some((device, device_us)) = outcome.and_then(|o| sample(o, circuit)) {
                times.entry(device).or_default().push(device_us);
            }
        }
        let devices = times.into_iter().map(|(device, times)| row(device, times)).collect();
        Ok(CircuitPerformance { circuit: circuit.clone(), devices })
    }
}

fn sample(outcome: Outcome, circuit: &CircuitRef) -> Option<(DeviceClass, u64)> {
    let counts = outcome.state == JobState::Succeeded && outcome.receipt.circuit == *circuit;
    let device = outcome.receipt.device.filter(|_| counts)?;
    Some((device, outcome.receipt.usage.device_us))
}

fn row(device: DeviceClass, mut times: Vec<u64>) -> DevicePerformance {
    times.sort_unstable();
    DevicePerformance {
        device,
        samples: times.len(),
        device_us_median: percentile(&times, 50),
        device_us_p95: percentile(&times, 95),
    }
}

/// The smallest of the sorted values that at least `percent` of them do not exceed (nearest
/// rank); zero where there are none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&values, 50), 50);
        assert_eq!(percentile(&values, 95), 95);
        assert_eq!(percentile(&[7], 95), 7);
        assert_eq!(percentile(&[1, 2, 3], 50), 2);
        assert_eq!(percentile(&[], 50), 0);
    }
}
