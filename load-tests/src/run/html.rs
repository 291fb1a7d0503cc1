//! A report as a page: the figures, and plots of latencies, throughput and the service's memory.

use std::fmt::Write;

use zkpool_replay::{Axis, Chart, Look, Series, plot};

use super::report::{Report, Sample};
use super::tally::{Latencies, Part};

/// Shares of jobs that latencies are drawn for, as nines: 1 is 90 %, 2 is 99 %.
const NINES: [f64; 9] = [0.0, 0.3, 0.5, 1.0, 1.3, 1.7, 2.0, 2.5, 3.0];

const STYLE: &str = "body{font:14px sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}\
    svg{max-width:100%}.wide{width:60rem}pre{overflow:auto;background:#f6f6f6;padding:1rem}";

/// The page, which needs nothing beside it.
pub(crate) fn page(report: &Report) -> String {
    let Report { about, figures, .. } = report;
    let name = escaped(&figures.scenario);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{name}</title>\n\
         <style>{STYLE}</style>\n<h1>{name}</h1>\n<p>{}</p>\n<pre>{}</pre>\n",
        escaped(about),
        escaped(&figures.text())
    );
    let pictures = [
        ("Where the time of jobs goes", vec![latencies(report, false), latencies(report, true)]),
        ("Jobs in each second", vec![throughput(report)]),
        ("The service on this machine", service(&report.samples)),
    ];
    for (title, charts) in pictures {
        if !charts.is_empty() {
            let _ = writeln!(html, "<h2>{title}</h2>\n{}", plot(title, &charts));
        }
    }
    html + "</html>\n"
}

/// Latencies over the share of jobs that is faster, of what happens before the device, or of all.
fn latencies(report: &Report, of_all: bool) -> Chart {
    let is_drawn =
        |part: &&Part| of_all == matches!(part, Part::Service | Part::Whole | Part::Proving);
    let line = |(colour, part): (usize, &Part)| Series {
        name: part.name().to_owned(),
        look: Look::Line(colour),
        points: report.total.parts.get(part).map(curve).unwrap_or_default(),
    };
    let drawn = Part::ALL.iter().enumerate().filter(|(_, part)| is_drawn(part));
    let title = if of_all { "proving and in all" } else { "on the way to the prover" };
    Chart {
        title: title.to_owned(),
        x: Axis { label: "faster: 1 is 90 %, 2 is 99 %", decimals: 1 },
        y: Axis { label: "ms", decimals: 0 },
        series: drawn.map(line).collect(),
    }
}

fn curve(latencies: &Latencies) -> Vec<(f64, f64)> {
    NINES.iter().map(|nines| (*nines, latencies.at_ms(1.0 - 10_f64.powf(-nines)))).collect()
}

fn throughput(report: &Report) -> Chart {
    let line = |name: &str, colour, counts: &[u32]| Series {
        name: name.to_owned(),
        look: Look::Line(colour),
        points: (0_u32..).zip(counts).map(|(at, count)| (at.into(), (*count).into())).collect(),
    };
    Chart {
        title: "accepted and committed".to_owned(),
        x: Axis { label: "s from the start", decimals: 0 },
        y: Axis { label: "jobs", decimals: 0 },
        series: vec![
            line("accepted", 1, &report.accepted_by_second),
            line("committed", 2, &report.committed_by_second),
        ],
    }
}

/// Memory, files and queue over time; nothing of a service elsewhere.
fn service(samples: &[Sample]) -> Vec<Chart> {
    let chart = |title: &str, label, value: fn(&Sample) -> f64| Chart {
        title: title.to_owned(),
        x: Axis { label: "s from the start", decimals: 0 },
        y: Axis { label, decimals: 0 },
        series: vec![Series {
            name: "over the run".to_owned(),
            look: Look::Line(0),
            points: samples.iter().map(|at| (at.at.as_secs_f64(), value(at))).collect(),
        }],
    };
    if samples.is_empty() {
        return Vec::new();
    }
    vec![
        chart("memory", "MB", |sample| sample.vitals.rss_mb),
        chart("queue", "messages", |sample| count(sample.vitals.queued)),
        chart("open files", "", |sample| count(sample.vitals.open_files as u64)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "messages and files are counted in thousands")]
fn count(number: u64) -> f64 {
    number as f64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
