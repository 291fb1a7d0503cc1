//! How proofs of published circuits go, for anyone: no sign-in, no project, no job.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use zkpool_types::DeviceClass;
use zkpool_types::api::{DayPerformance, DevicePerformance};
use zkpool_types::performance::{PublicCircuit, Reliability};

use crate::dashboard::charts::{HALF, Line, Lines, SERIES_MAX, Unit};
use crate::dashboard::format::{self, Amount};
use crate::dashboard::page::{Drawn, Frame, Moment, Page};
use crate::{ApiResult, Context};

#[derive(Template)]
#[template(path = "performance.html")]
struct PerformancePage {
    frame: Frame,
    computed: Moment,
    circuits: Vec<CircuitView>,
}

/// A circuit as it is shown.
struct CircuitView {
    name: String,
    kind: String,
    devices: Vec<DeviceRow>,
    success: String,
    jobs: String,
    self_check_failures: String,
    times: Drawn,
    costs: Drawn,
    days: Vec<DayRow>,
}

/// A class of device.
struct DeviceRow {
    class: String,
    proofs: String,
    median_ms: String,
    p95_ms: String,
    median_cost: Amount,
    p95_cost: Amount,
    success: String,
}

/// A class of device on one day, and how that day's jobs ended.
struct DayRow {
    day: String,
    device: DeviceRow,
    success: String,
    self_check_failures: String,
}

pub(crate) async fn page(State(context): State<Context>) -> ApiResult<Page<impl Template>> {
    let performance = context.performance().public().await?;
    let circuits = performance.circuits.iter().map(circuit_view).collect::<ApiResult<_>>()?;
    let computed = performance.computed_at.into();
    Ok(Page(PerformancePage { frame: Frame::public(), computed, circuits }))
}

fn circuit_view(circuit: &PublicCircuit) -> ApiResult<CircuitView> {
    let PublicCircuit {
        circuit: name,
        proof_system,
        curve,
        domain_size,
        devices,
        reliability,
        days,
    } = circuit;
    let domain = format::grouped(*domain_size);
    Ok(CircuitView {
        name: name.to_string(),
        kind: format!("{proof_system:?} over {curve}, domain of {domain}"),
        devices: devices.iter().map(device_row).collect(),
        success: rate(reliability.success_bp),
        jobs: format::grouped(reliability.succeeded.saturating_add(reliability.failed)),
        self_check_failures: rate(reliability.self_check_failure_bp),
        times: times(days).draw(HALF)?,
        costs: costs(days).draw(HALF)?,
        days: days.iter().flat_map(day_rows).collect(),
    })
}

fn device_row(device: &DevicePerformance) -> DeviceRow {
    DeviceRow {
        class: device.device.to_string(),
        proofs: format::grouped(device.samples),
        median_ms: format::milliseconds(device.device_us_median),
        p95_ms: format::milliseconds(device.device_us_p95),
        median_cost: device.cost_nano_usd_median.into(),
        p95_cost: device.cost_nano_usd_p95.into(),
        success: rate(device.success_bp),
    }
}

fn day_rows(day: &DayPerformance) -> impl Iterator<Item = DayRow> {
    let Reliability { success_bp, self_check_failure_bp, .. } = day.reliability;
    day.devices.iter().map(move |device| DayRow {
        day: day.day.to_string(),
        device: device_row(device),
        success: rate(success_bp),
        self_check_failures: rate(self_check_failure_bp),
    })
}

/// A share in basis points, or a dash where there was nothing to take it of.
fn rate(bp: Option<u32>) -> String {
    bp.map_or_else(|| "–".to_owned(), |bp| format::percent(bp.into()))
}

fn times(days: &[DayPerformance]) -> Lines {
    let figures: [Figure; 2] = [|device| device.device_us_median, |device| device.device_us_p95];
    lines("Proving time by class of device and day", Unit::Us, figures, days)
}

fn costs(days: &[DayPerformance]) -> Lines {
    let figures: [Figure; 2] =
        [|device| device.cost_nano_usd_median.get(), |device| device.cost_nano_usd_p95.get()];
    lines("Cost per proof by class of device and day", Unit::NanoUsd, figures, days)
}

/// What a line shows of a class of device.
type Figure = fn(&DevicePerformance) -> u64;

/// Two lines a class of device, of its median and of its 95th percentile, the earliest day first.
fn lines(what: &str, unit: Unit, figures: [Figure; 2], days: &[DayPerformance]) -> Lines {
    let all = days.iter().flat_map(|day| &day.devices).map(|device| &device.device);
    let classes: BTreeSet<&DeviceClass> = all.collect();
    let line = |(colour, class): (usize, &DeviceClass), dashed: bool| {
        let [median, p95] = figures;
        let (figure, name) = if dashed { (p95, "95th percentile") } else { (median, "median") };
        let of_class = |day: &DayPerformance| {
            day.devices.iter().find(|device| device.device == *class).map(figure)
        };
        let values = days.iter().rev().map(of_class).collect();
        Line { name: format!("{class}, {name}"), colour, dashed, values }
    };
    let shown = classes.into_iter().take(SERIES_MAX).enumerate();
    Lines {
        description: format!("{what}; the figures are in the table"),
        unit,
        names: days.iter().rev().map(|day| day.day.strftime("%-d %b").to_string()).collect(),
        lines: shown.flat_map(|of| [line(of, false), line(of, true)]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use zkpool_types::NanoUsd;

    use super::*;

    fn device(class: &str, median: u64) -> DevicePerformance {
        DevicePerformance {
            device: DeviceClass::new(class),
            samples: 100,
            device_us_median: median,
            device_us_p95: 2 * median,
            cost_nano_usd_median: NanoUsd::new(median),
            cost_nano_usd_p95: NanoUsd::new(3 * median),
            retries: 0,
            success_bp: Some(10_000),
        }
    }

    fn day(day: &str, devices: Vec<DevicePerformance>) -> DayPerformance {
        let reliability =
            Reliability { succeeded: 100, success_bp: Some(10_000), ..Default::default() };
        DayPerformance { day: day.parse().unwrap(), devices, reliability }
    }

    #[test]
    fn lines_go_from_the_earliest_day_to_the_latest_with_gaps_where_nothing_was_proved() {
        let days = [
            day("2026-11-25", vec![device("cpu", 30), device("nvidia-l4", 3)]),
            day("2026-11-24", vec![device("cpu", 20)]),
        ];
        let chart = times(&days);
        assert_eq!(chart.names, ["24 Nov", "25 Nov"]);
        let values: Vec<_> = chart.lines.iter().map(|line| line.values.clone()).collect();
        let expected =
            [[Some(20), Some(30)], [Some(40), Some(60)], [None, Some(3)], [None, Some(6)]];
        assert_eq!(values, expected);
        assert_eq!(costs(&days).lines[1].values, [Some(60), Some(90)]);
    }

    #[test]
    fn a_share_of_nothing_is_a_dash() {
        assert_eq!([rate(None), rate(Some(9_950))], ["–", "99.5 %"]);
    }
}
