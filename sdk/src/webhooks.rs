//! Webhooks of the project, and whether a delivery is what it says.

use zkpool_types::api::{
    CreateWebhook, DeliveryView, RemovedWebhook, WebhookSecretView, WebhookView,
};
use zkpool_types::webhook::{DeliveryId, DeliveryState};
use zkpool_types::{Timestamp, WebhookId};

use crate::client::{Call, Client};
use crate::error::Error;
use crate::retry::Repeat;

#[cfg(feature = "webhooks")]
pub use verify::{WebhookVerifier, WrongDelivery};

/// Which deliveries to list. What is not given does not restrict, but for the beginning: it is a
/// day ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only to this webhook.
    pub webhook: Option<WebhookId>,
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
    /// Only of events since then. A job's event counts as of when the job was accepted.
    pub since: Option<Timestamp>,
}

impl Client {
    /// Creates a webhook. Its secret is shown this once. This is never sent again by itself: a
    /// repetition could leave a second webhook.
    ///
    /// # Errors
    /// The address was refused, or the client's key lacks the scope `admin`.
    pub async fn create_webhook(
        &self,
        webhook: &CreateWebhook,
    ) -> Result<WebhookSecretView, Error> {
        self.call(&Call::post(Repeat::Never, "/v1/webhooks").json(webhook)?).await
    }

    /// The webhooks of the project.
    ///
    /// # Errors
    /// The client's key lacks the scope `admin`.
    pub async fn webhooks(&self) -> Result<Vec<WebhookView>, Error> {
        self.all_pages("/v1/webhooks", Vec::new(), usize::MAX).await
    }

    /// Replaces the secret of a webhook. For a day deliveries are signed under both.
    ///
    /// # Errors
    /// There is no such webhook, or the client's key lacks the scope `admin`.
    pub async fn rotate_webhook_secret(&self, id: WebhookId) -> Result<WebhookSecretView, Error> {
        self.call(&Call::post(Repeat::Never, format!("/v1/webhooks/{id}/secret"))).await
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// There is no such webhook, or the client's key lacks the scope `admin`.
    pub async fn remove_webhook(&self, id: WebhookId) -> Result<RemovedWebhook, Error> {
        self.call(&Call::delete(format!("/v1/webhooks/{id}"))).await
    }

    /// Has a webhook told that it is tried out.
    ///
    /// # Errors
    /// There is no such webhook, or the client's key lacks the scope `admin`.
    pub async fn test_webhook(&self, id: WebhookId) -> Result<DeliveryView, Error> {
        self.call(&Call::post(Repeat::Harmless, format!("/v1/webhooks/{id}/test"))).await
    }

    /// What was sent to webhooks, the oldest first, at most `limit` of it.
    ///
    /// # Errors
    /// The client's key lacks the scope `admin`.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryView>, Error> {
        let DeliveryFilter { webhook, state, since } = filter;
        let pairs = [
            ("webhook", webhook.map(|id| id.to_string())),
            ("state", state.map(|state| state.to_string())),
            ("since", since.map(|since| since.to_string())),
        ];
        let query = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        self.all_pages("/v1/webhooks/deliveries", query.collect(), limit).await
    }

    /// One delivery.
    ///
    /// # Errors
    /// There is none, or the client's key lacks the scope `admin`.
    pub async fn delivery(&self, id: DeliveryId) -> Result<DeliveryView, Error> {
        self.call(&Call::get(format!("/v1/webhooks/deliveries/{id}"))).await
    }

    /// Has a delivery tried again.
    ///
    /// # Errors
    /// There is none, it was tried too often, or the client's key lacks the scope `admin`.
    pub async fn replay_delivery(&self, id: DeliveryId) -> Result<DeliveryView, Error> {
        let path = format!("/v1/webhooks/deliveries/{id}/replay");
        self.call(&Call::post(Repeat::Harmless, path)).await
    }
}

#[cfg(feature = "webhooks")]
mod verify {
    use reqwest::header::HeaderMap;
    use standardwebhooks::Webhook;
    use zkpool_types::webhook::WebhookEvent;

    use crate::error::Cause;

    /// Tells deliveries of this service from others (Standard Webhooks 1.0.0).
    ///
    /// Hand it the body byte for byte as it arrived. A delivery may come more than once: its id, in
    /// the header `webhook-id`, stays the same.
    ///
    /// ```
    /// use zkpool_sdk::WebhookVerifier;
    /// # use reqwest::header::HeaderMap;
    /// # fn receive(headers: &HeaderMap, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = WebhookVerifier::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?;
    /// let event = verifier.verify(headers, body)?;
    /// println!("{} at {}", event.kind, event.timestamp);
    /// # Ok(())
    /// # }
    /// # assert!(receive(&HeaderMap::new(), b"{}").is_err());
    /// ```
    pub struct WebhookVerifier(Webhook);

    /// Why a delivery is not taken for one.
    #[derive(Debug, thiserror::Error)]
    #[non_exhaustive]
    pub enum WrongDelivery {
        /// What was given is no secret.
        #[error("expected the secret of a webhook, which begins with whsec_")]
        Secret,
        /// It is not signed by the holder of the secret, or is not of the last five minutes.
        #[error("the delivery is not signed as it should be: {0}")]
        Signature(#[source] Cause),
        /// Its body is no event that this version knows.
        #[error("the delivery has no event that is understood")]
        Event(#[source] serde_json::Error),
    }

    impl WebhookVerifier {
        /// Verifies by the secret that [`Client::create_webhook`](crate::Client::create_webhook)
        /// showed.
        ///
        /// # Errors
        /// The text is no secret.
        pub fn new(secret: &str) -> Result<Self, WrongDelivery> {
            let key = Webhook::new(secret).map_err(|_| WrongDelivery::Secret)?;
            Ok(Self(key))
        }

        /// The event of a delivery, once its signature and its age are checked.
        ///
        /// # Errors
        /// It is not signed by the holder of the secret, is older than five minutes, or has no event
        /// that is understood.
        pub fn verify(
            &self,
            headers: &HeaderMap,
            body: &[u8],
        ) -> Result<WebhookEvent, WrongDelivery> {
            let verdict = self.0.verify(body, headers);
            verdict.map_err(|error| WrongDelivery::Signature(error.into()))?;
            serde_json::from_slice(body).map_err(WrongDelivery::Event)
        }
    }

    /// Shows nothing of the secret.
    impl std::fmt::Debug for WebhookVerifier {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("WebhookVerifier").finish_non_exhaustive()
        }
    }

    #[cfg(test)]
    mod tests {
        use reqwest::header::HeaderValue;

        use super::*;

        const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        const BODY: &str = r#"{"type":"webhook.test","timestamp":"2026-11-28T00:00:00Z","data":{"webhook":"018f2e7a-0000-7000-8000-000000000001"}}"#;

        fn signed(at: i64) -> HeaderMap {
            let signature = Webhook::new(SECRET).unwrap().sign("msg_1", at, BODY.as_bytes());
            let value = |text: &str| HeaderValue::from_str(text).unwrap();
            HeaderMap::from_iter([
                ("webhook-id".parse().unwrap(), value("msg_1")),
                ("webhook-timestamp".parse().unwrap(), value(&at.to_string())),
                ("webhook-signature".parse().unwrap(), value(&signature.unwrap())),
            ])
        }

        #[allow(clippy::disallowed_methods, reason = "signatures are held against the real time")]
        fn now() -> i64 {
            jiff::Timestamp::now().as_second()
        }

        #[test]
        fn a_delivery_is_told_from_what_somebody_else_made_up() {
            let verifier = WebhookVerifier::new(SECRET).unwrap();
            let headers = signed(now());
            assert!(verifier.verify(&headers, BODY.as_bytes()).is_ok());
            let changed = BODY.replace("00Z", "01Z");
            let wrong = verifier.verify(&headers, changed.as_bytes());
            assert!(matches!(wrong, Err(WrongDelivery::Signature(_))), "{wrong:?}");
            let old = verifier.verify(&signed(now() - 600), BODY.as_bytes());
            assert!(matches!(old, Err(WrongDelivery::Signature(_))), "{old:?}");
            let other = WebhookVerifier::new("whsec_AAAA").unwrap();
            assert!(other.verify(&headers, BODY.as_bytes()).is_err());
        }

        #[test]
        fn what_is_no_secret_is_rejected_and_no_secret_is_printed() {
            assert!(matches!(WebhookVerifier::new("whsec_?"), Err(WrongDelivery::Secret)));
            assert!(!format!("{:?}", WebhookVerifier::new(SECRET).unwrap()).contains("C2FV"));
        }
    }
}
