//! API keys of the project that the client acts for.

use zkpool_types::api::{CreateKey, CreatedKey, RevokedKey};
use zkpool_types::{Action, KeyId, KeyRecord, Scope};

use crate::client::{Call, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// Creates a key. It is shown this once. This is the one call that is never sent again by
    /// itself: a repetition could leave a second key that nobody knows.
    ///
    /// # Errors
    /// The client's key lacks the scope `admin`, or the answer got lost; in that case revoke the
    /// key that [`Client::keys`] lists and nobody has.
    pub async fn create_key(&self, scopes: &[Scope]) -> Result<CreatedKey, Error> {
        let body = CreateKey { scopes: scopes.to_vec() };
        self.call(&Call::post(Repeat::Never, "/v1/keys").json(&body)?).await
    }

    /// The keys of the project, revoked ones included.
    ///
    /// # Errors
    /// The client's key lacks the scope `admin`.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, Error> {
        self.all_pages("/v1/keys", Vec::new(), usize::MAX).await
    }

    /// What was asked for with a right to change keys, webhooks, budgets or books, and by which key.
    ///
    /// # Errors
    /// The client's key lacks the scope `admin`.
    pub async fn actions(&self) -> Result<Vec<Action>, Error> {
        self.all_pages("/v1/actions", Vec::new(), usize::MAX).await
    }

    /// Revokes a key, at once and for good.
    ///
    /// # Errors
    /// There is no such key, or the client's key lacks the scope `admin`.
    pub async fn revoke_key(&self, id: KeyId) -> Result<RevokedKey, Error> {
        self.call(&Call::delete(format!("/v1/keys/{id}"))).await
    }
}
