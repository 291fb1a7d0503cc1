//! Quotes: prices from what was measured, or from the size of a circuit, signed until they expire.
//!
//! The id of a quote is `{id}.{circuit}.{price in nano-dollars}.{expiry in seconds of Unix
//! time}.{signature}`. The signature covers the project too, so that a quote is nobody else's, and
//! nothing is stored: every process of the service accepts what any of them has signed.

use jiff::SignedDuration;
use zkpool_jobs::{JobError, Jobs, PortError, Ports, Signer, expected_usage, keys};
use zkpool_ledger::quote::{Price, price, times};
use zkpool_ledger::{PriceBook, ReceiptError};
use zkpool_types::api::{CreateQuote, DevicePerformance, DeviceQuote, QuoteView};
use zkpool_types::limits::{QUOTE_COUNT_MAX, QUOTE_LIFETIME_S};
use zkpool_types::{
    AgreedPrice, CircuitManifest, CircuitRef, DeviceClass, ErrorCode, NanoUsd, ProjectId,
    QuoteBasis, QuoteId, Timestamp,
};

use crate::Performance;

/// Keeps a signature made here from meaning anything elsewhere.
const PURPOSE: &str = "zkpool quote v1";

/// Makes quotes and accepts them.
#[derive(Clone, Debug)]
pub struct Quotes {
    ports: Ports,
    jobs: Jobs,
    performance: Performance,
    signer: Signer,
    device: DeviceClass,
}

/// Why there is no quote, or one is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// The text is not a quote of this project.
    #[error("expected a quote of this project, found another text")]
    Invalid,
    /// The quote has expired.
    #[error("the quote expired at {expired_at}")]
    Expired {
        /// When.
        expired_at: Timestamp,
    },
    /// The quote is for another circuit.
    #[error("expected a quote for {expected}, found one for {found}")]
    Mismatch {
        /// The circuit submitted.
        expected: CircuitRef,
        /// The circuit quoted.
        found: CircuitRef,
    },
    /// There is nothing, or too much, to quote.
    #[error("at count: expected 1 to {max} proofs, found {found}")]
    Count {
        /// The bound.
        max: u64,
        /// What was asked for.
        found: u64,
    },
    /// The deadline has passed.
    #[error("at deadline: expected a time after {now}, found {found}")]
    Deadline {
        /// The time of the request.
        now: Timestamp,
        /// The deadline asked about.
        found: Timestamp,
    },
    /// The price is above the bound of the submission.
    #[error("expected a price of at most {max}, found {found}")]
    AboveMax {
        /// The bound.
        max: NanoUsd,
        /// The price.
        found: NanoUsd,
    },
    /// No proof was measured, and the price book has no estimate for the service's own device.
    #[error("expected an estimate for {device} in price book {price_book}, found none")]
    NoBasis {
        /// The class of device.
        device: DeviceClass,
        /// The version of the price book.
        price_book: String,
    },
    /// The price does not fit 64 bits, or the device has none.
    #[error(transparent)]
    Unpriced(#[from] ReceiptError),
    /// What was measured cannot be read.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl QuoteError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid => ErrorCode::QuoteInvalid,
            Self::Expired { .. } => ErrorCode::QuoteExpired,
            Self::Mismatch { .. } => ErrorCode::QuoteMismatch,
            Self::Count { .. }
            | Self::Deadline { .. }
            | Self::Unpriced(ReceiptError::Overflow { .. }) => ErrorCode::InvalidRequest,
            Self::AboveMax { .. } => ErrorCode::MaxPriceExceeded,
            Self::NoBasis { .. } | Self::Unpriced(_) => ErrorCode::Internal,
            Self::Job(error) => error.code(),
            Self::Port(error) => error.code(),
        }
    }
}

impl Quotes {
    /// Quotes over these ports. Before any proof of a circuit was measured, they are for `device`.
    #[must_use]
    pub fn new(ports: Ports, jobs: Jobs, device: DeviceClass) -> Self {
        let performance = Performance::new(ports.clone(), jobs.clone());
        let signer = Signer::new(ports.clone(), keys::quote_secret(), PURPOSE);
        Self { ports, jobs, performance, signer, device }
    }

    /// A quote for proofs of this circuit, for the circuit's own project.
    ///
    /// # Errors
    /// The count or the deadline is out of range, nothing can be priced, or a port failed.
    pub async fn create(
        &self,
        circuit: &CircuitManifest,
        request: &CreateQuote,
    ) -> Result<QuoteView, QuoteError> {
        let CreateQuote { circuit: _, count, deadline } = *request;
        let now = self.ports.clock.now();
        check(count, deadline, now)?;
        let measured = self.performance.latest(&circuit.project, &circuit.circuit).await?;
        let offer = self.offer(circuit, &measured)?;
        let expires_at = after(now, QUOTE_LIFETIME_S);
        let quote = QuoteId::new(self.ports.ids.next());
        let token =
            Token { quote, circuit: &circuit.circuit, price: offer.price.nano_usd, expires_at };
        Ok(QuoteView {
            id: self.sign(&circuit.project, &token).await?,
            circuit: circuit.circuit.clone(),
            count,
            deadline,
            meets_deadline: deadline.map(|by| fits(now, offer.row.device_us_p95, count, by)),
            price_book: self.book().version(),
            device: offer.row.device,
            basis: offer.row.basis,
            usage: expected_usage(self.book(), circuit, offer.row.device_us_median),
            utilisation_bp: self.book().utilisation_bp(),
            margin_bp: self.book().margin_bp(),
            lines: offer.price.lines,
            price_nano_usd: offer.price.nano_usd,
            total_nano_usd: times(offer.price.nano_usd, count)?,
            devices: offer.rows,
            created_at: now,
            expires_at,
        })
    }

    /// The price that a quote would say now, agreed without one. What it rests on may be some
    /// minutes old.
    ///
    /// # Errors
    /// Nothing can be priced, or a port failed.
    pub async fn price(&self, circuit: &CircuitManifest) -> Result<AgreedPrice, QuoteError> {
        let measured = self.performance.recent(&circuit.project, &circuit.circuit).await?;
        let price_nano_usd = self.offer(circuit, &measured)?.price.nano_usd;
        Ok(AgreedPrice { price_nano_usd, quote: None, reservation: None })
    }

    /// The price of a quote that `project` submits for `circuit`.
    ///
    /// # Errors
    /// The text is no quote of this project, has expired or is for another circuit.
    pub async fn accept(
        &self,
        project: &ProjectId,
        circuit: &CircuitRef,
        text: &str,
    ) -> Result<AgreedPrice, QuoteError> {
        let (signed, signature) = text.rsplit_once('.').ok_or(QuoteError::Invalid)?;
        let (quote, quoted, price, expiry) = parse(signed).ok_or(QuoteError::Invalid)?;
        if !self.signer.verify(&format!("{project}\n{signed}"), signature).await? {
            return Err(QuoteError::Invalid);
        }
        if quoted != *circuit {
            return Err(QuoteError::Mismatch { expected: circuit.clone(), found: quoted });
        }
        if expiry <= self.ports.clock.now() {
            return Err(QuoteError::Expired { expired_at: expiry });
        }
        Ok(AgreedPrice { price_nano_usd: price, quote: Some(quote), reservation: None })
    }

    async fn sign(&self, project: &ProjectId, token: &Token<'_>) -> Result<String, QuoteError> {
        let Token { quote, circuit, price, expires_at } = token;
        let signed = format!("{quote}.{circuit}.{}.{}", price.get(), expires_at.as_second());
        let signature = self.signer.sign(&format!("{project}\n{signed}")).await?;
        Ok(format!("{signed}.{signature}"))
    }

    fn book(&self) -> &PriceBook {
        self.jobs.price_book()
    }

    /// The price on the device that made most of the latest proofs, beside those of the others.
    fn offer(
        &self,
        circuit: &CircuitManifest,
        measured: &[DevicePerformance],
    ) -> Result<Offer, QuoteError> {
        let classes = self.book().devices().iter().map(|device| &device.class);
        let rows = classes.filter_map(|class| self.row(circuit, measured, class).transpose());
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let most = rows.iter().filter(|row| row.samples > 0).max_by_key(|row| row.samples);
        let own = || rows.iter().find(|row| row.device == self.device);
        let row = most.or_else(own).cloned().ok_or_else(|| QuoteError::NoBasis {
            device: self.device.clone(),
            price_book: self.book().version(),
        })?;
        let price = self.price_of(circuit, &row.device, row.device_us_median)?;
        Ok(Offer { row, price, rows })
    }

    /// Times and prices on one class of device; none where nothing is known of it.
    fn row(
        &self,
        circuit: &CircuitManifest,
        measured: &[DevicePerformance],
        class: &DeviceClass,
    ) -> Result<Option<DeviceQuote>, QuoteError> {
        let Some(device) = self.book().device(class) else { return Ok(None) };
        let sample = measured.iter().find(|row| row.device == *class && row.samples > 0);
        let estimate = device.estimate.as_ref().map(|it| it.device_us(circuit.domain_size));
        let (basis, samples, median, p95) = match (sample, estimate) {
            (Some(DevicePerformance { samples, device_us_median, device_us_p95, .. }), _) => {
                (QuoteBasis::Measured, *samples, *device_us_median, *device_us_p95)
            }
            (None, Some(us)) => (QuoteBasis::Estimated, 0, us, us),
            (None, None) => return Ok(None),
        };
        Ok(Some(DeviceQuote {
            device: class.clone(),
            basis,
            samples,
            device_us_median: median,
            device_us_p95: p95,
            price_nano_usd_median: self.price_of(circuit, class, median)?.nano_usd,
            price_nano_usd_p95: self.price_of(circuit, class, p95)?.nano_usd,
            on_demand_nano_usd_per_hour: NanoUsd::new(device.nano_usd_per_hour),
            spot_nano_usd_per_hour: device
                .spot
                .as_ref()
                .map(|spot| NanoUsd::new(spot.nano_usd_per_hour)),
        }))
    }

    fn price_of(
        &self,
        circuit: &CircuitManifest,
        device: &DeviceClass,
        device_us: u64,
    ) -> Result<Price, ReceiptError> {
        price(self.book(), device, &expected_usage(self.book(), circuit, device_us))
    }
}

/// Refuses a price above the bound.
///
/// # Errors
/// It is above the bound.
pub fn check_max(price: &AgreedPrice, max: Option<NanoUsd>) -> Result<(), QuoteError> {
    let found = price.price_nano_usd;
    match max {
        Some(max) if found > max => Err(QuoteError::AboveMax { max, found }),
        _ => Ok(()),
    }
}

/// A price with the row it is from, and every row.
struct Offer {
    row: DeviceQuote,
    price: Price,
    rows: Vec<DeviceQuote>,
}

/// What is signed, but for the project.
struct Token<'a> {
    quote: QuoteId,
    circuit: &'a CircuitRef,
    price: NanoUsd,
    expires_at: Timestamp,
}

/// The parts of a quote without its signature.
fn parse(signed: &str) -> Option<(QuoteId, CircuitRef, NanoUsd, Timestamp)> {
    let mut parts = signed.split('.');
    let quote = parts.next()?.parse().ok()?;
    let circuit = parts.next()?.parse().ok()?;
    let price = NanoUsd::new(parts.next()?.parse().ok()?);
    let expiry = Timestamp::from_second(parts.next()?.parse().ok()?).ok()?;
    parts.next().is_none().then_some((quote, circuit, price, expiry))
}

fn check(count: u64, deadline: Option<Timestamp>, now: Timestamp) -> Result<(), QuoteError> {
    if !(1..=QUOTE_COUNT_MAX).contains(&count) {
        return Err(QuoteError::Count { max: QUOTE_COUNT_MAX, found: count });
    }
    match deadline {
        Some(found) if found <= now => Err(QuoteError::Deadline { now, found }),
        _ => Ok(()),
    }
}

/// `seconds` after `start`, at most the end of time.
fn after(start: Timestamp, seconds: i64) -> Timestamp {
    start.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Whether so many proofs of `us` each, one after another, are done by then.
fn fits(now: Timestamp, us: u64, count: u64, by: Timestamp) -> bool {
    let left = by.duration_since(now).as_micros();
    i128::from(us).checked_mul(i128::from(count)).is_some_and(|needed| needed <= left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_met_by_proofs_that_fit_before_it() {
        let now = Timestamp::UNIX_EPOCH;
        let by = after(now, 10);
        assert!(fits(now, 1_000_000, 10, by));
        assert!(!fits(now, 1_000_000, 11, by));
        assert!(!fits(now, u64::MAX, u64::MAX, Timestamp::MAX));
    }

    #[test]
    fn only_whole_quotes_are_read() {
        let id = "018f2e7a-0000-7000-8000-000000000001";
        let good = format!("{id}.a@0123456789abcdef.700.1764000000");
        assert_eq!(parse(&good).unwrap().2, NanoUsd::new(700));
        for bad in [
            String::new(),
            format!("{id}.a@0123456789abcdef.700"),
            format!("{good}.1"),
            format!("{id}.a.700.1764000000"),
            format!("{id}.a@0123456789abcdef.-1.1764000000"),
            format!("{id}.a@0123456789abcdef.700.9999999999999"),
        ] {
            assert!(parse(&bad).is_none(), "{bad:?} was read");
        }
    }
}
