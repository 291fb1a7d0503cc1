//! The log: JSON lines on standard output, which Lambda keeps.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Begins to log what `RUST_LOG` asks for, or else what is at least informative.
pub(crate) fn init() {
    let informative = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    // Lambda's own log has colours off and a line for each write.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(informative.from_env_lossy())
        .init();
}
