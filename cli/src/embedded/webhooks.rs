//! What a server does for webhooks: it works through notices, and looks after those that are due.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use zkpool_functions::Context;
use zkpool_ports::Clock;
use zkpool_types::limits::SWEEP_S;
use zkpool_webhooks::Sender;

/// Time between two looks at what is due.
const SWEEP_EVERY: Duration = Duration::from_secs(SWEEP_S);

/// Tells webhooks until `stop` is cancelled. What is on its way then is sent again by the next
/// server.
pub(crate) async fn tell(
    context: Context,
    sender: Arc<dyn Sender>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let telling = async {
        tokio::join!(context.webhooks().run(sender.as_ref()), sweep(&context, clock.as_ref()))
    };
    stop.run_until_cancelled(telling).await;
}

async fn sweep(context: &Context, clock: &dyn Clock) {
    loop {
        clock.sleep(SWEEP_EVERY).await;
        let report = context.sweep_webhooks().await;
        tracing::debug!(?report, "swept webhooks");
    }
}
