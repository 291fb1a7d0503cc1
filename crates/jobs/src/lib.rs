//! The life cycle of a proof request.
