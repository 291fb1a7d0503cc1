//! Work that holds a thread, such as reading a proving key.

use tokio::task::spawn_blocking;
use zkpool_types::ErrorCode;

use crate::{ApiError, ApiResult};

/// Runs `work` on a thread that may be held.
///
/// # Errors
/// What `work` returns, or `internal` where it panicked. The panic's message may quote the input
/// and is left out.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    spawn_blocking(work).await.unwrap_or_else(|_| {
        tracing::error!("a blocking task panicked or was dropped");
        Err(ApiError::new(ErrorCode::Internal, "the request failed on the server's side"))
    })
}
