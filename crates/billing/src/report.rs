//! Cost reports.

use jiff::civil::Date;
use zkpool_types::cost::{DIMENSIONS_MAX, REPORT_DAYS_MAX};
use zkpool_types::{CostQuery, CostReport, Dimension, ProjectId};

use crate::partition::Grouping;
use crate::sum::Summed;
use crate::{BillingError, Costs};

impl Costs {
    /// The costs of a project in the groups that were asked for. Rows sum exactly to receipts,
    /// those of the last moment included. Memory does not grow with the number of receipts.
    ///
    /// # Errors
    /// The query is out of range, has too many groups, or a port failed.
    pub async fn report(
        &self,
        project: &ProjectId,
        query: &CostQuery,
    ) -> Result<CostReport, BillingError> {
        self.grouped(project, query, &query.group_by).await
    }

    /// A report over the days of `query`, grouped by `by`.
    pub(crate) async fn grouped(
        &self,
        project: &ProjectId,
        query: &CostQuery,
        by: &[Dimension],
    ) -> Result<CostReport, BillingError> {
        check(query)?;
        let days = query.from..=query.to;
        let summed = self.sum(project, &days, || Grouping::new(project, by)).await?;
        let Summed { sum, closed_through, open: _ } = summed;
        let (rows, total) = sum.groups.finish()?;
        Ok(CostReport {
            project: project.clone(),
            from: query.from,
            to: query.to,
            group_by: by.to_vec(),
            currency: "USD".to_owned(),
            closed_through,
            rows,
            total_nano_usd: total.charge_nano_usd,
            total,
        })
    }
}

/// Refuses what would take too long or means nothing.
fn check(query: &CostQuery) -> Result<(), BillingError> {
    let CostQuery { from, to, group_by } = query;
    check_days(*from, *to, REPORT_DAYS_MAX)?;
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

/// Refuses a period that ends before it begins, or of more than `max` days.
pub(crate) fn check_days(from: Date, to: Date, max: i32) -> Result<(), BillingError> {
    if from > to {
        return Err(BillingError::Query(format!("expected from <= to, found {from} and {to}")));
    }
    let days = from.until(to).map_or(i32::MAX, |span| span.get_days()).saturating_add(1);
    if days > max {
        return Err(BillingError::Query(format!("expected at most {max} days, found {days}")));
    }
    Ok(())
}
