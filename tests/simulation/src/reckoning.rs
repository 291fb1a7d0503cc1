//! The books at the end of a run: budgets, the chain and reports come to what the records say.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use zkpool_billing::Costs;
use zkpool_types::chain::ChainRecord;
use zkpool_types::{CostQuery, JobRequest, NanoUsd, ProjectId};

use crate::laws::jobs::counts_in;
use crate::machine::Machine;
use crate::requester::{Market, Tenant};
use crate::service::Service;

/// Longer than a reservation without a job is kept, and than clocks were off.
const RESERVATIONS_END: Duration = Duration::from_secs(90 * 60);

/// The month that ends in some runs.
const MONTH: &str = "2026-01";

/// Roll-ups by which nothing is pending.
const ROLL_UPS_MAX: usize = 5;

/// The project with a budget, where there is one.
pub(crate) struct Budgeted(Option<Tenant>);

impl Budgeted {
    /// Gives the second project a budget that has room for some of what will be asked for.
    pub(crate) async fn set(service: &Service, market: &Market) -> Self {
        let universe = &service.universe;
        let Some(tenant) = market.tenants.get(1).filter(|_| universe.happens(700)) else {
            return Self(None);
        };
        // Quotes of a circuit that was never proven begin at about this price.
        let limit = NanoUsd::new((1 + universe.below(8)) * PRICE_NANO_USD);
        service.laws.limit(&tenant.project, limit);
        let budget = json!({ "scope": "*", "limit_nano_usd": limit, "alerts_percent": [50, 100], "hard_stop": true });
        if market.ask(tenant, "PUT", "/v1/budgets", &json!({ "budgets": [budget] })).await.is_none()
        {
            universe.broken("L3", "a budget could not be set in good weather");
        }
        Self(Some(tenant.clone()))
    }

    /// Everything has ended: what is committed in the month that is running is what was charged for
    /// its jobs.
    async fn check(&self, service: &Service, market: &Market) {
        let Some(tenant) = &self.0 else { return };
        let Some(view) = market.ask(tenant, "GET", "/v1/budgets", &Value::Null).await else {
            return service.universe.broken("L3", "budgets cannot be read in good weather");
        };
        let (month, found) = (view["month"].as_str(), &view["budgets"][0]);
        let counts = |request: &JobRequest| counts_in(request) == month;
        let expected = truth(service, &tenant.project, counts).charge;
        if found["committed_nano_usd"] != json!(expected) || found["reserved_nano_usd"] != json!(0)
        {
            let what = format!(
                "{} was charged {expected} in {month:?}, its budget says {found}",
                tenant.project
            );
            service.universe.broken("L3", what);
        }
    }
}

/// Closes the month that ends in some runs, and holds it to what it came to when it was closed
/// first. Whether it has ended is for the product to say, by the clock of the machine.
pub(crate) async fn close_month(
    service: &Service,
    machine: &Arc<Machine>,
    costs: &Costs,
    project: &ProjectId,
) {
    let closed = costs.close(project, MONTH, None).await;
    let said = closed.as_ref().map_err(ToString::to_string);
    service.universe.note(format_args!("{} closes {MONTH} of {project}: {said:?}", machine.name));
    let (Ok(_), Ok(from), Ok(to)) = (closed, "2026-01-01".parse(), "2026-01-31".parse()) else {
        return;
    };
    let Ok(report) = costs.report(project, &CostQuery { from, to, group_by: vec![] }).await else {
        return;
    };
    // A project without receipts has nothing to close.
    if report.closed_through.is_some_and(|through| *through >= *MONTH) {
        service.laws.closed(project, MONTH, report.total);
    }
}

/// About the price of a proof of a circuit that was never proven, in nano-dollars.
const PRICE_NANO_USD: u64 = 500_000;

/// What a project's records come to, in nano-dollars.
#[derive(Debug, Default, PartialEq, Eq)]
struct Truth {
    charge: i64,
    waste: i64,
    proofs: u64,
    failures: u64,
    wasted_attempts: u64,
}

fn amount(nano_usd: NanoUsd) -> i64 {
    i64::try_from(nano_usd.get()).unwrap_or(i64::MAX)
}

/// What the jobs come to that count.
fn truth(service: &Service, project: &ProjectId, counts: impl Fn(&JobRequest) -> bool) -> Truth {
    let mut truth = Truth::default();
    for observed in service.laws.jobs(project).values() {
        let (Some(outcome), true) =
            (&observed.outcome, observed.request.as_ref().is_some_and(&counts))
        else {
            continue;
        };
        truth.charge += amount(outcome.receipt.charge_nano_usd);
        truth.waste += amount(outcome.receipt.waste_nano_usd);
        truth.proofs += u64::from(outcome.receipt.charged);
        truth.failures += u64::from(!outcome.receipt.charged);
        for waste in &observed.waste {
            truth.waste += amount(waste.receipt.waste_nano_usd);
            truth.wasted_attempts += 1;
        }
    }
    truth
}

/// Holds budgets, chains and reports against the records.
pub(crate) async fn reckon(
    service: &Service,
    operator: &Arc<Machine>,
    market: &Market,
    budgeted: &Budgeted,
) {
    service.universe.sleep(RESERVATIONS_END).await;
    budgeted.check(service, market).await;
    let costs = Costs::new(service.ports(operator));
    for _ in 0..ROLL_UPS_MAX {
        match costs.roll_up_all().await {
            Ok(report) if report.errors > 0 => {
                return service.universe.broken("L3", "a roll-up fails in good weather");
            }
            Ok(report) if report.receipts == 0 => break,
            Ok(_) => {}
            Err(error) => return service.universe.broken("L3", format!("no roll-up: {error}")),
        }
    }
    for tenant in &market.tenants {
        check_chain(service, &tenant.project);
        check_report(service, &costs, &tenant.project).await;
        close_month(service, operator, &costs, &tenant.project).await;
    }
}

/// Every receipt is in the chain. That none is in it twice was seen when it was written.
fn check_chain(service: &Service, project: &ProjectId) {
    let batches = service.laws.batches(project);
    let links: Vec<_> =
        batches.iter().flat_map(|batch| &batch.links).map(|link| (link.job, link.record)).collect();
    for (job, observed) in &service.laws.jobs(project) {
        let outcome = observed.outcome.as_ref().map(|_| ChainRecord::Outcome);
        let waste = observed.waste.iter().map(|waste| ChainRecord::Waste(waste.attempt.id));
        for record in outcome.into_iter().chain(waste) {
            if !links.contains(&(*job, record)) {
                let what = format!("{record:?} of job {job} is in no chain");
                return service.universe.broken("L3", what);
            }
        }
    }
}

async fn check_report(service: &Service, costs: &Costs, project: &ProjectId) {
    let (Ok(from), Ok(to)) = ("2025-12-01".parse(), "2026-03-31".parse()) else { return };
    let query = CostQuery { from, to, group_by: vec![] };
    let report = match costs.report(project, &query).await {
        Ok(report) => report,
        Err(error) => return service.universe.broken("L3", format!("no report: {error}")),
    };
    let found = Truth {
        charge: report.total.charge_nano_usd,
        waste: report.total.waste_nano_usd,
        proofs: report.total.proofs,
        failures: report.total.failures,
        wasted_attempts: report.total.wasted_attempts,
    };
    let expected = truth(service, project, |_| true);
    if found != expected {
        let what = format!("{project}: records come to {expected:?}, the report to {found:?}");
        service.universe.broken("L3", what);
    }
}
