//! Sending one delivery, as a port.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

/// One delivery on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to. Its text was checked; what its host stands for is checked by whoever connects.
    pub url: Url,
    /// Headers beside those of the transport.
    pub headers: Vec<(&'static str, String)>,
    /// The body, which is JSON.
    pub body: String,
}

/// What the address answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer. The texts are shown to whoever owns the webhook, and say no more of a
/// network than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// What the host stands for is not public.
    #[error("the host's address is not public")]
    NotPublic,
    /// The host has no address, or nothing takes connections there.
    #[error("no connection could be made")]
    NoConnection,
    /// The connection or the answer took too long.
    #[error("there was no answer in time")]
    Timeout,
    /// The connection broke, or what came was no answer.
    #[error("the connection failed before there was an answer")]
    Broken,
}

/// Whoever sends deliveries.
#[async_trait]
pub trait Sender: Send + Sync + std::fmt::Debug {
    /// Sends the request once, follows nothing, and returns the status of the answer.
    async fn send(&self, request: Request) -> Result<Answer, SendError>;
}
