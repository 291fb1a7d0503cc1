//! Actions: what was asked for with a right to change keys, webhooks, budgets or books.

use serde::{Deserialize, Serialize};

use crate::{ActionId, KeyId, Timestamp};

/// A request that changes who may do what, what is told to whom, or what is charged.
///
/// It is written before anything is done, and once more with what was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Action {
    /// Its id. Ids of later actions sort after ids of earlier ones.
    pub id: ActionId,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// The key that asked.
    pub key: KeyId,
    /// The operation, as the document of the API names it, such as `revokeKey`.
    pub operation: String,
    /// What it was about: an id, a circuit, or a project and a month.
    pub subject: Option<String>,
    /// The HTTP status that was answered; none where that is not known.
    pub status: Option<u16>,
}
