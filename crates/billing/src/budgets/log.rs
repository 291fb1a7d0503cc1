//! The budget log of a project and month: entries that are created once, one after another.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use zkpool_jobs::notices::notify;
use zkpool_jobs::records::RECORD_BYTES_MAX;
use zkpool_jobs::{Created, PortError, Ports, Records, keys};
use zkpool_ports::BlobError;
use zkpool_types::budget::{BudgetAlert, BudgetChange, BudgetEntry, BudgetState};
use zkpool_types::webhook::NoticeOf;
use zkpool_types::{AttemptId, Defect, ProjectId, Timestamp};

use super::BudgetError;

/// Tries to append before others are let go first. With a hundred writers at once the last one
/// needs about as many.
const APPEND_TRIES_MAX: u32 = 400;

/// Tries without a pause: one other writer is usually done by then.
const EAGER_TRIES: u32 = 3;

/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_millis(64);

/// The end of a log: the number of its last entry, 0 where there is none, and where things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) entry: u64,
    pub(super) state: BudgetState,
}

/// The log of one project and month, as far as this process has read it.
#[derive(Clone, Debug)]
pub(super) struct Log {
    ports: Ports,
    records: Records,
    pub(super) project: ProjectId,
    /// The first day of the month.
    pub(super) month: Date,
    pub(super) head: Head,
    tries: u32,
}

/// The first day of the month (UTC) that `at` is in.
pub(super) fn month_of(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date().first_of_month()
}

/// A month as it is written, such as `2026-11`.
pub(super) fn month_name(month: Date) -> String {
    format!("{:04}-{:02}", month.year(), month.month())
}

impl Log {
    pub(super) fn new(ports: Ports, project: ProjectId, month: Date) -> Self {
        let records = Records::new(Arc::clone(&ports.blobs));
        Self { ports, records, project, month, head: Head::default(), tries: 0 }
    }

    /// The entry of this number, or `None` where the log ends before it.
    pub(super) async fn read(&self, entry: u64) -> Result<Option<BudgetEntry>, PortError> {
        let key = keys::budget_entry(&self.project, self.month, entry);
        self.records.read(&key, RECORD_BYTES_MAX).await
    }

    async fn exists(&self, entry: u64) -> Result<bool, BlobError> {
        let key = keys::budget_entry(&self.project, self.month, entry);
        Ok(self.ports.blobs.head(&key).await?.is_some())
    }

    /// Reads on to the end of the log. Its numbers have no gap, so that the end is found in steps
    /// that double and then halve.
    pub(super) async fn catch_up(&mut self) -> Result<(), PortError> {
        let (mut last, mut step) = (self.head.entry, 1);
        while self.exists(last + step).await? {
            last += step;
            step *= 2;
        }
        while step > 1 {
            step /= 2;
            if self.exists(last + step).await? {
                last += step;
            }
        }
        if last > self.head.entry
            && let Some(entry) = self.read(last).await?
        {
            self.head = Head { entry: last, state: entry.state };
        }
        Ok(())
    }

    /// Appends an entry, unless another writer was first: then the head is the new end of the log,
    /// and the caller decides anew.
    ///
    /// # Errors
    /// A port failed, or others were first too often.
    pub(super) async fn append(
        &mut self,
        change: BudgetChange,
        state: BudgetState,
        alerts: Vec<BudgetAlert>,
    ) -> Result<bool, BudgetError> {
        let number = self.head.entry + 1;
        let key = keys::budget_entry(&self.project, self.month, number);
        let id = AttemptId::new(self.ports.ids.next());
        let at = self.ports.clock.now();
        let entry = BudgetEntry { id, at, change, state, alerts };
        let is_mine =
            move |stored: &BudgetEntry| stored.id == id || Defect::ReservesTogether.is_planted();
        match self.records.create(&key, entry, RECORD_BYTES_MAX, is_mine).await? {
            Created::Mine(entry) => {
                self.tell(entry.alerts).await;
                self.head = Head { entry: number, state: entry.state };
                self.tries = 0;
                Ok(true)
            }
            Created::Other(entry) => {
                self.head = Head { entry: number, state: entry.state };
                self.step_aside().await?;
                self.catch_up().await?;
                Ok(false)
            }
        }
    }

    /// Alerts are events of the log of the service, and webhooks are told. Nobody waits for that, and
    /// what fails here is made up for from the accounts, which have every alert of the month.
    async fn tell(&self, alerts: Vec<BudgetAlert>) {
        let project = &self.project;
        for alert in alerts {
            let BudgetAlert { scope, percent, limit_nano_usd, committed_nano_usd, .. } = &alert;
            tracing::warn!(
                target: "zkpool::budget", %project, %scope, percent, limit = %limit_nano_usd,
                committed = %committed_nano_usd, "a budget is used up so far"
            );
            if let Err(error) = notify(&self.ports, project, NoticeOf::Budget(alert)).await {
                tracing::warn!(%project, %error, "a notice is left to be made up for");
            }
        }
    }

    /// Lets others go first, for a while that grows and is different for everyone.
    async fn step_aside(&mut self) -> Result<(), BudgetError> {
        self.tries += 1;
        if self.tries > APPEND_TRIES_MAX {
            self.tries = 0;
            return Err(BudgetError::Busy);
        }
        if self.tries > EAGER_TRIES {
            let mut byte = [0; 1];
            self.ports.rng.fill(&mut byte);
            let [share] = byte;
            let pause = Duration::from_millis(1 << self.tries.min(6)).min(PAUSE_MAX);
            self.ports.clock.sleep(pause * u32::from(share) / 256).await;
        }
        Ok(())
    }
}
