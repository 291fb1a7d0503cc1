//! What the project may spend in the month that is running, and how much of it is left.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use zkpool_types::NanoUsd;
use zkpool_types::budget::{BudgetAlert, BudgetScope, BudgetView};

use crate::dashboard::SignedIn;
use crate::dashboard::format::{self, Amount};
use crate::dashboard::page::{Frame, Moment, Page, Section};
use crate::{ApiResult, Context};

/// The width of a full meter, in units of its view box.
const METER: u64 = 300;

#[derive(Template)]
#[template(path = "budgets.html")]
struct BudgetsPage {
    frame: Frame,
    month: String,
    budgets: Vec<BudgetRow>,
    alerts: Vec<AlertRow>,
}

/// A budget as it is shown.
struct BudgetRow {
    name: String,
    limit: Amount,
    spent: Amount,
    reserved: Amount,
    remaining: Amount,
    share: String,
    rule: &'static str,
    meter: Meter,
}

/// How much of the limit is spent and reserved, in units of the meter.
struct Meter {
    spent: u64,
    reserved: u64,
}

/// A share of a budget that was reached.
struct AlertRow {
    at: Moment,
    name: String,
    percent: u8,
    committed: Amount,
    limit: Amount,
}

pub(crate) async fn page(
    State(context): State<Context>,
    Extension(signed_in): Extension<SignedIn>,
) -> ApiResult<Page<impl Template>> {
    let view = context.budgets().view(&signed_in.caller.project).await?;
    let alerts = view.budgets.iter().flat_map(|budget| &budget.alerts).map(alert_row);
    Ok(Page(BudgetsPage {
        frame: Frame::new(Section::Budgets, &signed_in),
        month: view.month,
        alerts: alerts.collect(),
        budgets: view.budgets.iter().map(budget_row).collect(),
    }))
}

fn budget_row(view: &BudgetView) -> BudgetRow {
    let BudgetView { budget, committed_nano_usd, reserved_nano_usd, remaining_nano_usd, alerts: _ } =
        view;
    let (limit, committed, reserved) =
        (budget.limit_nano_usd.get(), committed_nano_usd.get(), reserved_nano_usd.get());
    let spent = committed.saturating_sub(reserved);
    BudgetRow {
        name: name(&budget.scope),
        limit: budget.limit_nano_usd.into(),
        spent: NanoUsd::new(spent).into(),
        reserved: (*reserved_nano_usd).into(),
        remaining: (*remaining_nano_usd).into(),
        share: format::share(committed, limit),
        rule: if budget.hard_stop { "stops" } else { "warns" },
        meter: meter(spent, committed, limit),
    }
}

/// The part that is reserved begins where the part that is spent ends.
fn meter(spent: u64, committed: u64, limit: u64) -> Meter {
    let part = |amount: u64| {
        let part = u128::from(amount) * u128::from(METER) / u128::from(limit.max(1));
        u64::try_from(part).unwrap_or(METER).min(METER)
    };
    Meter { spent: part(spent), reserved: part(committed) - part(spent) }
}

fn name(scope: &BudgetScope) -> String {
    match scope {
        BudgetScope::Project => "All of the project".to_owned(),
        BudgetScope::Tag(name, value) => format!("{name} {value}"),
    }
}

fn alert_row(alert: &BudgetAlert) -> AlertRow {
    AlertRow {
        at: alert.at.into(),
        name: name(&alert.scope),
        percent: alert.percent,
        committed: alert.committed_nano_usd.into(),
        limit: alert.limit_nano_usd.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_never_more_than_full() {
        for (spent, committed, limit, expected) in [
            (0, 0, 100, (0, 0)),
            (50, 75, 100, (150, 75)),
            (100, 150, 100, (300, 0)),
            (90, 150, 100, (270, 30)),
            (0, 0, 0, (0, 0)),
            (u64::MAX, u64::MAX, 1, (300, 0)),
        ] {
            let meter = meter(spent, committed, limit);
            assert_eq!((meter.spent, meter.reserved), expected, "{spent} {committed} {limit}");
        }
    }
}
