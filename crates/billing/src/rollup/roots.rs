//! Daily roots: the state of every chain, published.

use jiff::ToSpan;
use jiff::civil::Date;
use zkpool_jobs::keys;
use zkpool_jobs::records::encode;
use zkpool_ledger::chain::{leaf, root};
use zkpool_ledger::costs::day_of;
use zkpool_types::chain::DailyRoot;

use crate::rows::RECORD_BYTES_MAX;
use crate::{BillingError, Costs};

impl Costs {
    /// Publishes the root of the day before, once: with the first roll-up of a day.
    pub(crate) async fn publish_root(&self) -> Result<(), BillingError> {
        let now = self.ports.clock.now();
        let Ok(date) = day_of(now).checked_sub(1.day()) else { return Ok(()) };
        let key = keys::daily_root(date);
        if self.ports.blobs.head(&key).await?.is_some() {
            return Ok(());
        }
        let mut leaves = Vec::new();
        for project in self.projects().await? {
            if let Some(batch) = self.log(&project).await?.latest {
                leaves.push(leaf(&project, &batch.head)?);
            }
        }
        if leaves.is_empty() {
            return Ok(());
        }
        let root = root(&mut leaves);
        let daily = DailyRoot { date, made_at: now, leaves, root };
        self.ports.blobs.put_once(&key, encode(&key, &daily, RECORD_BYTES_MAX)?).await?;
        Ok(())
    }

    /// The root of a day, or `None` where none was published.
    ///
    /// # Errors
    /// A port failed.
    pub async fn daily_root(&self, date: Date) -> Result<Option<DailyRoot>, BillingError> {
        Ok(self.read(&keys::daily_root(date)).await?)
    }
}
