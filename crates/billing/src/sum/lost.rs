//! Rows whose partitions are gone.
//!
//! A batch counts the receipts of every day. Where partitions have fewer, what is missing is made again
//! from the records behind it, so that a lost file costs time and never a figure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use zkpool_jobs::keys;
use zkpool_types::ProjectId;
use zkpool_types::chain::Batch;

use super::{Partition, Sum};
use crate::{BillingError, Costs};

/// How far the clock that dated a receipt may be ahead of the one that dated its batch.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(1);

/// Partitions of a day read from one page of a listing.
const PAGE_PARTITIONS: usize = 1000;

impl Costs {
    /// Adds the rows of `days` that batches up to `latest` count and partitions did not have.
    pub(super) async fn add_lost(
        &self,
        latest: &Batch,
        days: &RangeInclusive<Date>,
        seen: BTreeMap<Date, u64>,
        sum: &mut impl Sum,
    ) -> Result<(), BillingError> {
        for (day, expected) in latest.days.range(days.clone()) {
            let found = seen.get(day).copied().unwrap_or_default();
            if found < *expected {
                let project = &latest.project;
                tracing::error!(%project, %day, expected, found, "partitions of usage are gone");
                let made = self.add_day(latest, *day, expected - found, sum).await?;
                if made != expected - found {
                    let found = found + made;
                    return Err(BillingError::Incomplete { day: *day, expected: *expected, found });
                }
            }
        }
        Ok(())
    }

    /// Adds the rows of a day that are in no partition, until there are as many as are missing.
    /// Returns how many there were.
    async fn add_day(
        &self,
        latest: &Batch,
        day: Date,
        missing: u64,
        sum: &mut impl Sum,
    ) -> Result<u64, BillingError> {
        let project = &latest.project;
        let present = self.partitions_of(project, day).await?;
        let begins = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
        let begins = begins.unwrap_or(Timestamp::MIN).saturating_sub(CLOCKS_APART);
        let begins = begins.unwrap_or(Timestamp::MIN);
        let first = self.first_batch_at(project, latest.number, begins).await?;
        let mut made = 0;
        for number in first..=latest.number {
            let Some(mut batch) = self.batch(project, number).await? else { continue };
            batch.links.retain(|link| {
                let at = TimeZone::UTC.to_datetime(link.billed_at);
                at.date() == day && !present.contains(&(at.hour(), number))
            });
            let rows = self.rows_of(&batch).await?;
            rows.iter().try_for_each(|row| sum.add_row(row))?;
            made += rows.len() as u64;
            if made >= missing {
                break;
            }
        }
        Ok(made)
    }

    /// Hours and batches of the partitions of a day.
    async fn partitions_of(
        &self,
        project: &ProjectId,
        day: Date,
    ) -> Result<BTreeSet<(i8, u64)>, BillingError> {
        let prefix = keys::partitions(project);
        let of_day = format!("{prefix}dt={day}/");
        let (mut present, mut after) = (BTreeSet::new(), None::<String>);
        loop {
            let page = self.ports.blobs.list(&of_day, after.as_deref(), PAGE_PARTITIONS).await?;
            after = page.last().map(ToString::to_string);
            let full = page.len() >= PAGE_PARTITIONS;
            let named = page.into_iter().filter_map(|key| Partition::of(key, &prefix));
            present.extend(named.map(|partition| (partition.hour, partition.batch)));
            if !full {
                return Ok(present);
            }
        }
    }
}
