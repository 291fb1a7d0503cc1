//! Time and chance of a process that talks over a network.

use std::time::Duration;

/// Returns after `duration`.
#[expect(
    clippy::disallowed_methods,
    reason = "a client waits for a network, which no simulation owns; tests pause the runtime's clock"
)]
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// A number that other clients do not draw at the same time. Where the system has no randomness,
/// it is zero, and pauses are as long as without chance.
pub(crate) fn chance() -> u32 {
    getrandom::u32().unwrap_or_default()
}
