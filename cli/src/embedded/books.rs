//! What a server does for its books: the roll-up each hour, the check of it each day.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use zkpool_billing::Costs;
use zkpool_ports::Clock;

/// Time from the start to the first roll-up: a service that is started for one proof has none.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Time between two roll-ups. Reports include what is not rolled up yet.
const ROLL_UP_EVERY: Duration = Duration::from_secs(3600);

/// Roll-ups from one check to the next.
const CHECK_EVERY: u32 = 24;

/// Keeps the books until `stop` is cancelled.
pub(crate) async fn keep(costs: Costs, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut wait = FIRST_AFTER;
    for round in 0_u32.. {
        if stop.run_until_cancelled(clock.sleep(wait)).await.is_none() {
            return;
        }
        wait = ROLL_UP_EVERY;
        match stop.run_until_cancelled(costs.roll_up_all()).await {
            None => return,
            Some(Ok(report)) => tracing::info!(?report, "rolled up"),
            Some(Err(error)) => tracing::warn!(%error, "left to the next roll-up"),
        }
        if round.is_multiple_of(CHECK_EVERY)
            && let Some(Err(error)) = stop.run_until_cancelled(costs.audit_all()).await
        {
            tracing::warn!(%error, "left to the next check");
        }
    }
}
