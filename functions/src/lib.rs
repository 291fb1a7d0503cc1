//! The HTTP API of ZKPool as axum routers.
