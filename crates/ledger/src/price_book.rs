//! Price books: dated data files with every price a receipt is computed from.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use zkpool_types::{DeviceClass, NanoUsd};

/// The price books that are compiled in, the newest last. Receipts of the older ones recompute.
const BUILTIN: [&str; 1] = [include_str!("../../../infra/price-books/2026-11-23.json")];

/// 100 % in basis points.
pub(crate) const BP_ONE: u32 = 10_000;

/// Largest margin a price book may state, in basis points: 100 %.
const MARGIN_BP_MAX: u32 = BP_ONE;

/// The price of one class of device, with where the price was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePrice {
    /// The class, such as `nvidia-l4`.
    pub class: DeviceClass,
    /// Price of a whole machine hour, in nano-dollars, busy or idle.
    pub nano_usd_per_hour: u64,
    /// The machine and market that the price is for.
    pub reference: String,
    /// Where the price was read.
    pub source: String,
    /// The day the source states or was read.
    pub source_date: Date,
}

/// Prices of storage and queue requests.
///
/// A request is counted in units small enough that every kind is a whole number of them: a read
/// costs 400 nano-dollars and a write 5,000, which is 2 and 25 units of 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestPrices {
    /// Price of one unit in nano-dollars.
    pub nano_usd_per_unit: u64,
    /// Units that one storage write (or listing) counts for.
    pub units_per_write: u64,
    /// Units that one storage read counts for.
    pub units_per_read: u64,
    /// Units that one queue request counts for.
    pub units_per_queue_request: u64,
    /// The service and market that the prices are for.
    pub reference: String,
    /// Where the prices were read.
    pub source: String,
    /// The day the source states or was read.
    pub source_date: Date,
}

/// Prices of stored bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoragePrices {
    /// Price of 10^9 bytes kept for a month of 730 hours, in nano-dollars.
    pub nano_usd_per_gb_month: u64,
    /// Months that keeping a proof is charged for.
    pub proof_months: u64,
    /// The service and market that the price is for.
    pub reference: String,
    /// Where the price was read.
    pub source: String,
    /// The day the source states or was read.
    pub source_date: Date,
}

/// A dated list of prices. Its fields hold what [`PriceBook::parse`] has checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PriceBook(Fields);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: Date,
    currency: String,
    utilisation_bp: u32,
    margin_bp: u32,
    devices: Vec<DevicePrice>,
    requests: RequestPrices,
    storage: StoragePrices,
}

/// Why a price book was refused.
#[derive(Debug, thiserror::Error)]
pub enum PriceBookError {
    /// The text is not JSON of a price book: a field is missing, unknown or of the wrong type.
    #[error("expected a price book in JSON")]
    Json(#[from] serde_json::Error),
    /// Prices are in another currency.
    #[error("expected currency USD, found {0:?}")]
    Currency(String),
    /// Utilisation is no share of time that a device can be busy for.
    #[error("expected a utilisation of 1 to 10000 basis points, found {0}")]
    Utilisation(u32),
    /// The margin is too large to be meant.
    #[error("expected a margin of 0 to 10000 basis points, found {0}")]
    Margin(u32),
    /// There is nothing to prove on.
    #[error("expected at least one device class, found none")]
    NoDevices,
    /// A class has two prices.
    #[error("expected one price for a device class, found two for {0}")]
    DuplicateDevice(DeviceClass),
    /// Something is for free, which is a forgotten price.
    #[error("expected a price above zero for {0}, found 0")]
    ZeroPrice(String),
}

/// Requests made for one job, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCount {
    /// Storage writes and listings.
    pub writes: u64,
    /// Storage reads.
    pub reads: u64,
    /// Queue requests.
    pub queue_requests: u64,
}

impl PriceBook {
    /// The newest price book that is compiled in.
    ///
    /// # Errors
    /// Never for the files in this repository, as a test shows; they are data all the same.
    pub fn builtin() -> Result<Self, PriceBookError> {
        let [.., newest] = BUILTIN;
        Self::parse(newest)
    }

    /// The price book of this version, where it is compiled in: what a receipt was made under.
    ///
    /// # Errors
    /// As [`PriceBook::builtin`].
    pub fn of_version(version: &str) -> Result<Option<Self>, PriceBookError> {
        for text in BUILTIN {
            let book = Self::parse(text)?;
            if book.version() == version {
                return Ok(Some(book));
            }
        }
        Ok(None)
    }

    /// Reads a price book in JSON.
    ///
    /// # Errors
    /// See [`PriceBookError`]: nothing unknown, doubled, free or out of range is accepted.
    pub fn parse(text: &str) -> Result<Self, PriceBookError> {
        let fields: Fields = serde_json::from_str(text)?;
        check_terms(&fields)?;
        check_devices(&fields.devices)?;
        check_unit_prices(&fields.requests, &fields.storage)?;
        Ok(Self(fields))
    }

    /// The date that names this price book, such as `2026-11-23`.
    #[must_use]
    pub fn version(&self) -> String {
        self.0.version.to_string()
    }

    /// Share of a machine's time that is assumed to be busy, in basis points.
    #[must_use]
    pub fn utilisation_bp(&self) -> u32 {
        self.0.utilisation_bp
    }

    /// Margin on top of cost, in basis points.
    #[must_use]
    pub fn margin_bp(&self) -> u32 {
        self.0.margin_bp
    }

    /// Every class of device with its price.
    #[must_use]
    pub fn devices(&self) -> &[DevicePrice] {
        &self.0.devices
    }

    /// Prices of storage and queue requests.
    #[must_use]
    pub fn requests(&self) -> &RequestPrices {
        &self.0.requests
    }

    /// Prices of stored bytes.
    #[must_use]
    pub fn storage(&self) -> &StoragePrices {
        &self.0.storage
    }

    /// The price of a machine hour of this class, or `None` where the book does not name it.
    #[must_use]
    pub fn device_price(&self, class: &DeviceClass) -> Option<NanoUsd> {
        let price = self.0.devices.iter().find(|device| device.class == *class)?;
        Some(NanoUsd::new(price.nano_usd_per_hour))
    }

    /// The request units of these requests. Counts are of one job and never reach 64 bits; a sum
    /// that would stays at the largest, which no receipt accepts.
    #[must_use]
    pub fn request_units(&self, count: RequestCount) -> u64 {
        let RequestCount { writes, reads, queue_requests } = count;
        let prices = &self.0.requests;
        [
            (writes, prices.units_per_write),
            (reads, prices.units_per_read),
            (queue_requests, prices.units_per_queue_request),
        ]
        .into_iter()
        .fold(0, |sum: u64, (count, units)| sum.saturating_add(count.saturating_mul(units)))
    }
}

fn check_terms(fields: &Fields) -> Result<(), PriceBookError> {
    if fields.currency != "USD" {
        return Err(PriceBookError::Currency(fields.currency.clone()));
    }
    if !(1..=BP_ONE).contains(&fields.utilisation_bp) {
        return Err(PriceBookError::Utilisation(fields.utilisation_bp));
    }
    if fields.margin_bp > MARGIN_BP_MAX {
        return Err(PriceBookError::Margin(fields.margin_bp));
    }
    Ok(())
}

fn check_devices(devices: &[DevicePrice]) -> Result<(), PriceBookError> {
    if devices.is_empty() {
        return Err(PriceBookError::NoDevices);
    }
    let mut seen = BTreeSet::new();
    for device in devices {
        if !seen.insert(&device.class) {
            return Err(PriceBookError::DuplicateDevice(device.class.clone()));
        }
        check_price(device.class.as_str(), device.nano_usd_per_hour)?;
    }
    Ok(())
}

fn check_unit_prices(
    requests: &RequestPrices,
    storage: &StoragePrices,
) -> Result<(), PriceBookError> {
    check_price("a request unit", requests.nano_usd_per_unit)?;
    check_price("a storage write", requests.units_per_write)?;
    check_price("a storage read", requests.units_per_read)?;
    check_price("a queue request", requests.units_per_queue_request)?;
    check_price("a stored gigabyte", storage.nano_usd_per_gb_month)?;
    check_price("a kept proof", storage.proof_months)
}

fn check_price(what: &str, price: u64) -> Result<(), PriceBookError> {
    if price == 0 { Err(PriceBookError::ZeroPrice(what.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse_with(change: impl FnOnce(&mut Value)) -> Result<PriceBook, PriceBookError> {
        let mut book: Value = serde_json::from_str(BUILTIN[0]).unwrap();
        change(&mut book);
        PriceBook::parse(&book.to_string())
    }

    #[test]
    fn the_builtin_book_is_valid_and_named_after_its_date() {
        let book = PriceBook::builtin().unwrap();
        assert_eq!(book.version(), "2026-11-23");
        let l4 = book.device_price(&DeviceClass::new("nvidia-l4"));
        assert_eq!(l4, Some(NanoUsd::new(804_800_000)));
        assert_eq!(book.device_price(&DeviceClass::new("abacus")), None);
    }

    #[test]
    fn request_units_reproduce_the_list_prices() {
        let book = PriceBook::builtin().unwrap();
        let price = |count| book.request_units(count) * book.requests().nano_usd_per_unit;
        assert_eq!(price(RequestCount { writes: 1, ..Default::default() }), 5_000);
        assert_eq!(price(RequestCount { reads: 1, ..Default::default() }), 400);
        assert_eq!(price(RequestCount { queue_requests: 1, ..Default::default() }), 400);
    }

    #[test]
    fn an_unknown_field_is_rejected_at_every_level() {
        let changes: [fn(&mut Value); 4] = [
            |book| book["discount_bp"] = json!(1),
            |book| book["devices"][0]["spot"] = json!(1),
            |book| book["requests"]["free"] = json!(1),
            |book| book["storage"]["free"] = json!(1),
        ];
        for change in changes {
            assert!(matches!(parse_with(change), Err(PriceBookError::Json(_))));
        }
    }

    #[test]
    fn a_price_that_is_no_whole_number_is_rejected() {
        for price in [json!(0.5), json!(-1), json!("1"), json!(null)] {
            let result = parse_with(|book| book["devices"][0]["nano_usd_per_hour"] = price);
            assert!(matches!(result, Err(PriceBookError::Json(_))));
        }
    }

    #[test]
    fn a_second_price_for_a_class_is_rejected() {
        let result = parse_with(|book| {
            let first = book["devices"][0].clone();
            book["devices"].as_array_mut().unwrap().push(first);
        });
        assert!(matches!(result, Err(PriceBookError::DuplicateDevice(_))));
    }

    #[test]
    fn a_zero_price_is_rejected() {
        let changes: [fn(&mut Value); 4] = [
            |book| book["devices"][1]["nano_usd_per_hour"] = json!(0),
            |book| book["requests"]["nano_usd_per_unit"] = json!(0),
            |book| book["requests"]["units_per_write"] = json!(0),
            |book| book["storage"]["nano_usd_per_gb_month"] = json!(0),
        ];
        for change in changes {
            assert!(matches!(parse_with(change), Err(PriceBookError::ZeroPrice(_))));
        }
    }

    #[test]
    fn terms_out_of_range_are_rejected() {
        for bad in [0, 10_001] {
            let result = parse_with(|book| book["utilisation_bp"] = json!(bad));
            assert!(matches!(result, Err(PriceBookError::Utilisation(found)) if found == bad));
        }
        let result = parse_with(|book| book["margin_bp"] = json!(10_001));
        assert!(matches!(result, Err(PriceBookError::Margin(10_001))));
        let result = parse_with(|book| book["currency"] = json!("EUR"));
        assert!(matches!(result, Err(PriceBookError::Currency(_))));
        let result = parse_with(|book| book["devices"] = json!([]));
        assert!(matches!(result, Err(PriceBookError::NoDevices)));
    }
}
