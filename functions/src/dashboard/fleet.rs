//! The queue, the project's open jobs, and what proved its latest ones.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use zkpool_jobs::JobFilter;
use zkpool_types::Timestamp;
use zkpool_types::api::ProofView;
use zkpool_types::fleet::{FleetPart, FleetRow};
use zkpool_types::limits::QUEUE_POSITION_MAX;

use crate::dashboard::SignedIn;
use crate::dashboard::format::{self, Amount};
use crate::dashboard::page::{Frame, Moment, Page, Section};
use crate::dashboard::period::Period;
use crate::{ApiError, ApiResult, Context};

/// Jobs that are looked at, newest first.
const LATEST: usize = 50;

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    waiting: String,
    held: String,
    delayed: String,
    open: Vec<OpenJob>,
    devices: Vec<DeviceRow>,
    latest: usize,
    cost: Option<FleetCost>,
}

/// What the fleet cost beside what was charged, for whoever runs the service.
struct FleetCost {
    period: String,
    price_book: String,
    parts: Vec<PartRow>,
    cost: Amount,
    charged: Amount,
    margin: Amount,
}

/// A part of the time of a class of device.
struct PartRow {
    class: String,
    part: &'static str,
    time: String,
    cost: Amount,
}

/// A job that has not ended.
struct OpenJob {
    id: String,
    circuit: String,
    state: &'static str,
    stage: String,
    accepted: Moment,
    attempt: String,
}

impl OpenJob {
    fn new(view: &ProofView) -> Self {
        let ahead = |position: u64| {
            let more = if position >= QUEUE_POSITION_MAX { " or more" } else { "" };
            format!("{}{more} ahead of it", format::grouped(position))
        };
        let stage = view.stage.map(|stage| format!("{stage:?}").to_lowercase());
        Self {
            id: view.id.to_string(),
            circuit: view.circuit.to_string(),
            state: view.state.name(),
            stage: stage.or_else(|| view.queue_position.map(ahead)).unwrap_or_default(),
            accepted: view.accepted_at.into(),
            attempt: view.attempt.map_or_else(String::new, |attempt| attempt.number.to_string()),
        }
    }
}

/// A device that proved some of the latest jobs.
struct DeviceRow {
    name: String,
    class: String,
    proofs: usize,
    busy: String,
    last: Option<Moment>,
}

pub(crate) async fn page(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
) -> ApiResult<Page<impl Template>> {
    let depth = context.ports().queue.depth().await;
    let depth = depth.map_err(|error| ApiError::unavailable(&error))?;
    let project = &signed_in.caller.project;
    let views = context.jobs().list(project, &JobFilter::default(), None, LATEST).await?.items;
    Ok(Page(FleetPage {
        frame: Frame::new(Section::Fleet, &signed_in),
        waiting: format::grouped(depth.visible),
        held: format::grouped(depth.in_flight),
        delayed: format::grouped(depth.delayed),
        open: views.iter().filter(|view| !view.state.is_terminal()).map(OpenJob::new).collect(),
        devices: devices(&views),
        latest: views.len(),
        cost: fleet_cost(&context, &signed_in).await?,
    }))
}

async fn fleet_cost(context: &Context, signed_in: &SignedIn) -> ApiResult<Option<FleetCost>> {
    if !signed_in.runs_the_service() {
        return Ok(None);
    }
    let period = Period::of_query("", "", context.ports().clock.now())?;
    let book = context.jobs().price_book();
    let report = context.costs().fleet(book, period.from, period.to).await?;
    Ok(Some(FleetCost {
        period: period.text(),
        parts: report.rows.iter().map(part_row).collect(),
        price_book: report.price_book,
        cost: Amount::signed(report.cost_nano_usd),
        charged: Amount::signed(report.charge_nano_usd),
        margin: Amount::signed(report.margin_nano_usd),
    }))
}

fn part_row(row: &FleetRow) -> PartRow {
    let sign = if row.time_us < 0 { "\u{2212}" } else { "" };
    PartRow {
        class: row.device.to_string(),
        part: match row.part {
            FleetPart::Charged => "Proofs that were charged",
            FleetPart::Wasted => "Work that was not charged",
            FleetPart::Idle => "Idle, of nobody",
        },
        time: format!("{sign}{}", format::duration(row.time_us.unsigned_abs())),
        cost: Amount::signed(row.cost_nano_usd),
    }
}

/// What a device did for these jobs.
#[derive(Default)]
struct Work {
    proofs: usize,
    device_us: u64,
    last: Option<Timestamp>,
}

fn devices(views: &[ProofView]) -> Vec<DeviceRow> {
    let mut work: BTreeMap<(String, String), Work> = BTreeMap::new();
    for view in views {
        let Some(receipt) = &view.receipt else { continue };
        let Some(class) = &receipt.device else { continue };
        let name = receipt.device_name.clone().unwrap_or_default();
        let of_device = work.entry((class.to_string(), name)).or_default();
        of_device.proofs += 1;
        of_device.device_us = of_device.device_us.saturating_add(receipt.usage.device_us);
        of_device.last = of_device.last.max(view.finished_at);
    }
    let row = |((class, name), work): ((String, String), Work)| DeviceRow {
        name,
        class,
        proofs: work.proofs,
        busy: format::duration(work.device_us),
        last: work.last.map(Moment::from),
    };
    work.into_iter().map(row).collect()
}
