//! Price books: dated data files with every price a receipt is computed from.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use zkpool_types::{DeviceClass, NanoUsd};

mod check;
#[cfg(test)]
mod tests;

/// The price books that are compiled in, the newest last. Receipts of the older ones recompute.
const BUILTIN: [&str; 2] = [
    include_str!("../../../../infra/price-books/2026-11-23.json"),
    include_str!("../../../../infra/price-books/2026-11-25.json"),
];

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
    /// The price of the same machine on the spot market. Absent in books before 2026-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<SpotPrice>,
    /// What a proof is expected to take before one was measured. Absent in books before 2026-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<ProvingEstimate>,
}

/// The price of a machine that AWS may take back, and how much of the work is assumed to run on
/// such machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpotPrice {
    /// Price of a whole machine hour, in nano-dollars.
    pub nano_usd_per_hour: u64,
    /// Share of device time that is charged at this price, in basis points.
    pub share_bp: u32,
    /// The machine and market that the price is for.
    pub reference: String,
    /// Where the price was read, or that there was no dated source.
    pub source: String,
    /// The day the source states or was read.
    pub source_date: Date,
}

/// What a proof takes as a function of the circuit's size, where nothing was measured yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvingEstimate {
    /// What every proof takes, in microseconds.
    pub fixed_us: u64,
    /// What each row of the evaluation domain adds, in nanoseconds. A domain is the smallest power
    /// of two that holds the constraints.
    pub ns_per_row: u64,
    /// Where the figures come from.
    pub source: String,
    /// The day they were taken.
    pub source_date: Date,
}

impl ProvingEstimate {
    /// Device time of a proof over a domain of this size, in microseconds.
    #[must_use]
    pub fn device_us(&self, domain_size: u64) -> u64 {
        const NS_PER_US: u64 = 1000;
        self.fixed_us.saturating_add(self.ns_per_row.saturating_mul(domain_size) / NS_PER_US)
    }
}

/// Prices of the functions that take requests, and what a job is assumed to need of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionPrices {
    /// Price of 10^6 calls of a function, in nano-dollars.
    pub nano_usd_per_million_requests: u64,
    /// Price of 10^6 seconds of a function with 10^9 bytes (1000 MB) of memory, in nano-dollars.
    pub nano_usd_per_million_gb_seconds: u64,
    /// Price of 10^6 requests to the HTTP API before the functions, in nano-dollars.
    pub nano_usd_per_million_api_requests: u64,
    /// Requests that a job is assumed to take.
    pub requests_per_job: u64,
    /// Time that each is assumed to take, in milliseconds.
    pub ms_per_request: u64,
    /// Memory of a function, in MB.
    pub memory_mb: u64,
    /// The service and market that the prices are for.
    pub reference: String,
    /// Where the prices were read.
    pub source: String,
    /// The day the source states or was read.
    pub source_date: Date,
}

/// Price of bytes that leave for the internet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferPrices {
    /// Price of 10^9 bytes, in nano-dollars.
    pub nano_usd_per_gb: u64,
    /// Times that a proof is assumed to be fetched.
    pub reads_per_proof: u64,
    /// The service and market that the price is for.
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
    /// Whether writes, reads and queue requests have a line each. Books before 2026-11-25 have one
    /// line for all of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub itemised: bool,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    functions: Option<FunctionPrices>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer: Option<TransferPrices>,
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
    /// The share of work on spot machines is more than all.
    #[error("expected a share of spot machines of 0 to 10000 basis points, found {0}")]
    SpotShare(u32),
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
        check::fields(&fields)?;
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

    /// Prices of functions. Books before 2026-11-25 have none.
    #[must_use]
    pub fn functions(&self) -> Option<&FunctionPrices> {
        self.0.functions.as_ref()
    }

    /// Price of bytes that leave. Books before 2026-11-25 have none.
    #[must_use]
    pub fn transfer(&self) -> Option<&TransferPrices> {
        self.0.transfer.as_ref()
    }

    /// The prices of this class of device, or `None` where the book does not name it.
    #[must_use]
    pub fn device(&self, class: &DeviceClass) -> Option<&DevicePrice> {
        self.0.devices.iter().find(|device| device.class == *class)
    }

    /// The price of a machine hour of this class on demand, or `None` where the book does not name
    /// it.
    #[must_use]
    pub fn device_price(&self, class: &DeviceClass) -> Option<NanoUsd> {
        Some(NanoUsd::new(self.device(class)?.nano_usd_per_hour))
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
