//! Closing months.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use zkpool_ledger::costs::{day_of, month_of};
use zkpool_types::{KeyId, ProjectId};

use crate::{BillingError, Costs};

/// How long after its end a month is closed by itself. A deadline is at most a week off, so that
/// hardly anything that began in it ends later.
const CLOSE_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Roll-ups after which closing a month is given up. Each adds some hundred thousand receipts.
const CLOSE_TRIES: usize = 64;

/// Why a month cannot be closed.
#[derive(Debug, thiserror::Error)]
pub enum MonthError {
    /// The text is no month.
    #[error("expected a month such as 2026-10, found {0:?}")]
    Malformed(String),
    /// The month has not ended.
    #[error("expected a month before {current}, found {found}")]
    NotEnded {
        /// The month that goes on.
        current: String,
        /// What was asked for.
        found: String,
    },
}

impl Costs {
    /// Closes a month and every month before it, after rolling up what is pending. Closing a
    /// closed month again changes nothing. Returns the latest month that is closed. `by` is the key
    /// of whoever asks, where that is done by one.
    ///
    /// # Errors
    /// The month is malformed or has not ended, or a port failed.
    pub async fn close(
        &self,
        project: &ProjectId,
        month: &str,
        by: Option<KeyId>,
    ) -> Result<String, BillingError> {
        check(month)?;
        let current = month_of(day_of(self.ports.clock.now()));
        if *month >= *current {
            return Err(MonthError::NotEnded { current, found: month.to_owned() }.into());
        }
        // Another roll-up may be faster, or more may be pending than one adds; then what is there is
        // built on.
        for _ in 0..CLOSE_TRIES {
            self.roll_up_through(project, Some(month.to_owned()), by).await?;
            let closed = self.log(project).await?.latest.map(|batch| batch.closed_through);
            match closed {
                None => return Ok(month.to_owned()),
                Some(Some(closed)) if *closed >= *month => return Ok(closed),
                Some(_) => {}
            }
        }
        Err(BillingError::Disturbed)
    }

    /// The latest month that is to be closed by now.
    pub(crate) fn month_due(&self) -> Option<String> {
        let settled = self.ports.clock.now().checked_sub(CLOSE_AFTER).ok()?;
        let last = day_of(settled).first_of_month().checked_sub(1.day()).ok()?;
        Some(month_of(last))
    }
}

fn check(month: &str) -> Result<(), MonthError> {
    let first: Result<Date, _> = format!("{month}-01").parse();
    match first {
        Ok(day) if month_of(day) == month => Ok(()),
        _ => Err(MonthError::Malformed(month.chars().take(80).collect())),
    }
}
