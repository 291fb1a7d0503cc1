//! What the fleet cost, beside what was charged for it.
//!
//! Provers note how long they run. Their time at the price book's rate is what the fleet costs;
//! device time on receipts says who caused it; what is left was idle, and is nobody's.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use zkpool_jobs::keys;
use zkpool_ledger::PriceBook;
use zkpool_ledger::costs::{CostError, cost_of_time};
use zkpool_types::fleet::{FleetClass, FleetPart, FleetReport, FleetRow};
use zkpool_types::{CostQuery, DeviceClass, Dimension, Shift};

use crate::report::check_days;
use crate::{BillingError, Costs};

/// Provers' notes read from one page of a listing.
const PAGE_SHIFTS: usize = 1000;

/// Days of one report: a quarter.
const DAYS_MAX: i32 = 92;

/// What is known of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Time {
    ran_us: u64,
    published: u64,
    publish_us: u64,
    charged_us: u64,
    wasted_us: u64,
}

impl Costs {
    /// The fleet's cost over these days against what was charged.
    ///
    /// # Errors
    /// The days are out of range, a class has no price, a sum does not fit, or a port failed.
    pub async fn fleet(
        &self,
        book: &PriceBook,
        from: Date,
        to: Date,
    ) -> Result<FleetReport, BillingError> {
        check_days(from, to, DAYS_MAX)?;
        let mut times = self.ran(from, to).await?;
        let charge = self.used(from, to, &mut times).await?;
        report(book, (from, to), times, charge)
    }

    /// How long provers ran, by class.
    async fn ran(&self, from: Date, to: Date) -> Result<BTreeMap<DeviceClass, Time>, BillingError> {
        let mut times: BTreeMap<DeviceClass, Time> = BTreeMap::new();
        for day in from.series(1.day()).take_while(|day| *day <= to) {
            let prefix = keys::shifts(day);
            let mut after = None::<String>;
            loop {
                let page = self.ports.blobs.list(&prefix, after.as_deref(), PAGE_SHIFTS).await?;
                for key in &page {
                    let Some(shift) = self.read::<Shift>(key).await? else { continue };
                    let time = times.entry(shift.device.clone()).or_default();
                    time.ran_us = time.ran_us.saturating_add(shift.ran_us());
                    time.published = time.published.saturating_add(shift.published);
                    time.publish_us = time.publish_us.saturating_add(shift.publish_us);
                }
                after = page.last().map(ToString::to_string);
                if page.len() < PAGE_SHIFTS {
                    break;
                }
            }
        }
        Ok(times)
    }

    /// Device time of every project, by class. Returns what was charged for it.
    async fn used(
        &self,
        from: Date,
        to: Date,
        times: &mut BTreeMap<DeviceClass, Time>,
    ) -> Result<i64, BillingError> {
        let query = CostQuery { from, to, group_by: vec![Dimension::Device, Dimension::Kind] };
        let mut charge = 0_i64;
        for project in self.projects().await? {
            let report = self.report(&project, &query).await?;
            charge = charge.checked_add(report.total_nano_usd).ok_or(CostError::Overflow)?;
            for row in report.rows {
                let device = row.group.get(&Dimension::Device).cloned().flatten();
                let Some(device) = device else { continue };
                let time = times.entry(DeviceClass::new(&device)).or_default();
                let used = row.sums.usage;
                let part =
                    if row.sums.proofs > 0 { &mut time.charged_us } else { &mut time.wasted_us };
                *part = part.saturating_add(used.device_us);
                time.wasted_us = time.wasted_us.saturating_add(used.fallback_us);
            }
        }
        Ok(charge)
    }
}

fn report(
    book: &PriceBook,
    (from, to): (Date, Date),
    times: BTreeMap<DeviceClass, Time>,
    charge_nano_usd: i64,
) -> Result<FleetReport, BillingError> {
    let (mut classes, mut rows, mut total) = (Vec::new(), Vec::new(), 0_i64);
    for (device, time) in times {
        let unknown = || BillingError::Query(format!("the price book has no class {device}"));
        let price = book.device_price(&device).ok_or_else(unknown)?;
        let cost = |us| cost_of_time(us, price).ok_or(CostError::Overflow);
        let (all, charged) = (cost(time.ran_us)?, cost(time.charged_us)?);
        let wasted = cost(time.wasted_us)?;
        let signed = |us: u64| i64::try_from(us).map_err(|_| CostError::Overflow);
        let busy_us = signed(time.charged_us)?.saturating_add(signed(time.wasted_us)?);
        let idle_us = signed(time.ran_us)?.saturating_sub(busy_us);
        // Idle cost is what is left, so that parts sum exactly to the whole.
        let idle = all.saturating_sub(charged).saturating_sub(wasted);
        let row = |part, time_us, cost_nano_usd| {
            let device = device.clone();
            FleetRow { device, part, time_us, cost_nano_usd }
        };
        rows.extend([
            row(FleetPart::Charged, signed(time.charged_us)?, charged),
            row(FleetPart::Wasted, signed(time.wasted_us)?, wasted),
            row(FleetPart::Idle, idle_us, idle),
        ]);
        total = total.checked_add(all).ok_or(CostError::Overflow)?;
        let Time { ran_us: time_us, published, publish_us, .. } = time;
        classes.push(FleetClass { device, time_us, cost_nano_usd: all, published, publish_us });
    }
    let margin_nano_usd = charge_nano_usd.checked_sub(total).ok_or(CostError::Overflow)?;
    Ok(FleetReport {
        from,
        to,
        price_book: book.version(),
        classes,
        rows,
        cost_nano_usd: total,
        charge_nano_usd,
        margin_nano_usd,
    })
}
