//! Work that holds a thread, such as reading a proving key.

use zkpool_types::ErrorCode;

use crate::{ApiError, ApiResult, Context};

/// Runs `work` on a thread that may be held.
///
/// # Errors
/// What `work` returns, or `internal` where it panicked. The panic's message may quote the input
/// and is left out.
pub(crate) async fn run<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    context.threads().call(work).await.unwrap_or_else(|_| {
        tracing::error!("a blocking task panicked or was dropped");
        Err(ApiError::new(ErrorCode::Internal, "the request failed on the server's side"))
    })
}
