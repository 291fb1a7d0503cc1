//! What a submission is going to be charged, settled before there is a job.

use std::collections::BTreeMap;

use zkpool_billing::budgets::Draw;
use zkpool_billing::quotes::check_max;
use zkpool_types::{AgreedPrice, CircuitManifest, NanoUsd, ProjectId, Sha256Digest};

use crate::{ApiResult, Context};

/// The part of a submission that has to do with its price.
pub(crate) struct Terms<'a> {
    pub(crate) project: &'a ProjectId,
    /// Digest of the idempotency key.
    pub(crate) submission: Sha256Digest,
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// The quote that it names.
    pub(crate) quote: Option<&'a str>,
    /// Its own bound.
    pub(crate) max: Option<NanoUsd>,
    /// Whether a budget applies.
    pub(crate) budgeted: bool,
}

impl Terms<'_> {
    /// The price, reserved where a budget applies; none where the charge is what is metered: there
    /// is neither a quote nor a bound nor a budget.
    pub(crate) async fn agree(
        &self,
        context: &Context,
        circuit: &CircuitManifest,
    ) -> ApiResult<Option<AgreedPrice>> {
        let Some(price) = self.price(context, circuit).await? else { return Ok(None) };
        check_max(&price, self.max)?;
        if !self.budgeted {
            return Ok(Some(price));
        }
        let reservation = Some(context.budgets().reserve(&self.draw(&price)).await?);
        Ok(Some(AgreedPrice { reservation, ..price }))
    }

    async fn price(
        &self,
        context: &Context,
        circuit: &CircuitManifest,
    ) -> ApiResult<Option<AgreedPrice>> {
        if let Some(quote) = self.quote {
            let accepted = context.quotes().accept(self.project, &circuit.circuit, quote);
            return Ok(Some(accepted.await?));
        }
        if self.max.is_none() && !self.budgeted {
            return Ok(None);
        }
        Ok(Some(context.quotes().price(circuit).await?))
    }

    /// Gives back what was reserved for a submission that became no job of its own. Where that
    /// fails it is given back within an hour.
    pub(crate) async fn take_back(&self, context: &Context, price: &AgreedPrice) {
        let Some(reservation) = &price.reservation else { return };
        if let Err(error) = context.budgets().release(&self.draw(price), reservation).await {
            tracing::warn!(project = %self.project, %error, "a reservation is given back later");
        }
    }

    fn draw(&self, price: &AgreedPrice) -> Draw<'_> {
        let Self { project, submission, tags, .. } = self;
        Draw { project, submission: *submission, tags, price: price.price_nano_usd }
    }
}
