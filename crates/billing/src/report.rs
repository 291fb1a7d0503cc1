//! Cost reports.

use zkpool_jobs::keys;
use zkpool_ledger::costs::{Groups, day_of};
use zkpool_types::cost::{DIMENSIONS_MAX, REPORT_DAYS_MAX};
use zkpool_types::{CostQuery, CostReport, ProjectId};

use crate::{BillingError, Costs};

/// Jobs read from one page of a listing.
const PAGE_JOBS: usize = 1000;

impl Costs {
    /// The costs of a project in the groups that were asked for. Rows sum exactly to receipts.
    ///
    /// # Errors
    /// The query is out of range, has too many groups, or a port failed.
    pub async fn report(
        &self,
        project: &ProjectId,
        query: &CostQuery,
    ) -> Result<CostReport, BillingError> {
        check(query)?;
        let mut groups = Groups::new(&query.group_by);
        self.add_jobs(project, query, &mut groups).await?;
        let (rows, total) = groups.finish()?;
        Ok(CostReport {
            project: project.clone(),
            from: query.from,
            to: query.to,
            group_by: query.group_by.clone(),
            currency: "USD".to_owned(),
            closed_through: None,
            rows,
            total_nano_usd: total.charge_nano_usd,
            total,
        })
    }

    async fn add_jobs(
        &self,
        project: &ProjectId,
        query: &CostQuery,
        groups: &mut Groups,
    ) -> Result<(), BillingError> {
        let prefix = keys::jobs(project);
        let mut after: Option<String> = None;
        loop {
            let page = self.ports.blobs.list_children(&prefix, after.as_deref(), PAGE_JOBS).await?;
            for job in page.iter().filter_map(|name| name.parse().ok()) {
                let row = self.row_of(project, job).await?;
                let asked =
                    row.filter(|row| (query.from..=query.to).contains(&day_of(row.billed_at)));
                if let Some(row) = asked {
                    groups.add_row(&row)?;
                }
            }
            after = page.last().cloned();
            if page.len() < PAGE_JOBS {
                return Ok(());
            }
        }
    }
}

/// Refuses what would take too long or means nothing.
fn check(query: &CostQuery) -> Result<(), BillingError> {
    let CostQuery { from, to, group_by } = query;
    if from > to {
        return Err(BillingError::Query(format!("expected from <= to, found {from} and {to}")));
    }
    let days = from.until(*to).map_or(i32::MAX, |span| span.get_days());
    if days >= REPORT_DAYS_MAX {
        let detail = format!("expected at most {REPORT_DAYS_MAX} days, found {days}");
        return Err(BillingError::Query(detail));
    }
    if group_by.len() > DIMENSIONS_MAX {
        let found = group_by.len();
        let detail = format!("expected at most {DIMENSIONS_MAX} dimensions, found {found}");
        return Err(BillingError::Query(detail));
    }
    let repeated = (1..group_by.len()).find(|&i| group_by[..i].contains(&group_by[i]));
    match repeated {
        Some(i) => Err(BillingError::Query(format!("the dimension {} is repeated", group_by[i]))),
        None => Ok(()),
    }
}
