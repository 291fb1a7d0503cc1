//! Quotes: what a proof will cost, said before it is made.

use serde::{Deserialize, Serialize};

use crate::{ChargeLine, CircuitRef, DeviceClass, NanoUsd, QuoteId, Timestamp, Usage};

/// `POST /v1/quotes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateQuote {
    /// `name@version`, or `name` for the version registered last.
    pub circuit: String,
    /// Proofs to add up; one when not given. The price of each is the same.
    #[serde(default = "one")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub count: u64,
    /// When the proofs have to be there. It changes no price: the quote says whether it looks
    /// possible.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

const fn one() -> u64 {
    1
}

/// What a price is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum QuoteBasis {
    /// Proofs of this circuit that this project had made.
    Measured,
    /// The size of the circuit, because no proof of it was measured on that class of device.
    Estimated,
}

impl QuoteBasis {
    /// The basis as it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Estimated => "estimated",
        }
    }
}

/// What a proof takes and costs on one class of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceQuote {
    /// The class.
    pub device: DeviceClass,
    /// Where the times come from.
    pub basis: QuoteBasis,
    /// Proofs measured; zero for an estimate.
    pub samples: u64,
    /// Median device time, or the estimate.
    pub device_us_median: u64,
    /// 95th percentile of device time, or the estimate.
    pub device_us_p95: u64,
    /// Price of a proof that takes the median.
    pub price_nano_usd_median: NanoUsd,
    /// Price of a proof that takes the 95th percentile.
    pub price_nano_usd_p95: NanoUsd,
    /// Price of a machine hour on demand, as the price book has it.
    pub on_demand_nano_usd_per_hour: NanoUsd,
    /// Price of a machine hour on the spot market, where the price book has one.
    pub spot_nano_usd_per_hour: Option<NanoUsd>,
}

/// A quote. The lines sum exactly to the price, and recompute from `usage` and the price book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuoteView {
    /// What a submission names to be charged this price: signed, for this project and circuit. It
    /// begins with the id that the receipt repeats.
    pub id: String,
    /// The circuit.
    pub circuit: CircuitRef,
    /// Proofs added up.
    pub count: u64,
    /// The deadline asked about.
    pub deadline: Option<Timestamp>,
    /// Whether one prover that does nothing else would make all of them by the deadline, each in
    /// the 95th percentile of time.
    pub meets_deadline: Option<bool>,
    /// The version (date) of the price book.
    pub price_book: String,
    /// The class of device that the price is for: the one that made most of the latest proofs.
    pub device: DeviceClass,
    /// What the price is derived from.
    pub basis: QuoteBasis,
    /// What a proof is expected to use.
    pub usage: Usage,
    /// Utilisation assumed, in basis points.
    pub utilisation_bp: u32,
    /// Margin, in basis points.
    pub margin_bp: u32,
    /// The breakdown of the price of one proof.
    pub lines: Vec<ChargeLine>,
    /// The price of one proof.
    pub price_nano_usd: NanoUsd,
    /// The price of all of them.
    pub total_nano_usd: NanoUsd,
    /// Times and prices by class of device.
    pub devices: Vec<DeviceQuote>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when a submission may name it.
    pub expires_at: Timestamp,
}

/// A price that holds whatever the work takes: agreed when the request was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedPrice {
    /// The price of the proof.
    pub price_nano_usd: NanoUsd,
    /// The quote that the submission named; none where the service set the price itself, for a
    /// submission with a bound or a project with a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteId>,
    /// What was set aside for it, where a budget applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
}

/// One entry of a project's budget log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The month whose budgets it belongs to, such as `2026-11`.
    pub month: String,
    /// The entry's number, from 1.
    pub entry: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_for_one_proof_unless_it_says_otherwise() {
        let request: CreateQuote = serde_json::from_str(r#"{"circuit":"rollup"}"#).unwrap();
        assert_eq!((request.count, request.deadline), (1, None));
        assert!(serde_json::from_str::<CreateQuote>(r#"{"circuit":"a","n":2}"#).is_err());
    }
}
