//! From usage to receipt.

use zkpool_types::{
    AgreedPrice, ChargeLine, CircuitRef, Defect, DeviceClass, JobId, NanoUsd, ProjectId,
    QuotedCharge, Receipt, Usage,
};

use crate::PriceBook;
use crate::lines::{cost_lines, sum};

/// What a receipt is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptInput {
    /// The job.
    pub job: JobId,
    /// The tenant.
    pub project: ProjectId,
    /// The circuit.
    pub circuit: CircuitRef,
    /// The class of the device that did the work; none where none did.
    pub device: Option<DeviceClass>,
    /// What that device calls itself.
    pub device_name: Option<String>,
    /// What was metered.
    pub usage: Usage,
    /// The price agreed before the work, where one was.
    pub agreed: Option<AgreedPrice>,
    /// Whether the work is charged: for success only.
    pub charged: bool,
    /// Whether the proof came from a development key.
    pub development: bool,
    /// What becomes of the witness.
    pub witness_retention: String,
}

/// Why no receipt can be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The price book does not name the device.
    #[error("expected a device class of price book {price_book}, found {found}")]
    UnknownDevice {
        /// The version of the price book.
        price_book: String,
        /// The class that was metered.
        found: DeviceClass,
    },
    /// Device time was metered and no device was named.
    #[error("expected a device for {device_us} us of device time, found none")]
    NoDevice {
        /// The device time in microseconds.
        device_us: u64,
    },
    /// A quantity or an amount does not fit 64 bits.
    #[error("expected line {item} to fit 64 bits, found more")]
    Overflow {
        /// The line.
        item: &'static str,
    },
}

/// The receipt of one job under this price book.
///
/// Lines, in this order, each rounded half up: `device` (time the device was held), `device spot`
/// (the share of it that is assumed to be on spot machines), `idle` (the share of the device's idle
/// time that utilisation assigns to that), `api requests`, `function requests`, `function time`,
/// `storage writes`, `storage reads`, `queue requests`, `witness storage` (in started hours from
/// acceptance to the end), `proof storage`, `transfer out`, `margin` (on the sum so far). Books
/// before 2026-11-25 have `requests` for the middle six, and neither spot machines nor transfer.
///
/// Where a price was agreed, `quoted price` is the only line, and the lines of the usage stand
/// beside it. Where the work is not charged, quantities stay and amounts are zero, and what the
/// usage comes to is the receipt's waste.
///
/// # Errors
/// The device is unknown or missing, or a line does not fit 64 bits.
pub fn receipt(book: &PriceBook, input: ReceiptInput) -> Result<Receipt, ReceiptError> {
    let ReceiptInput {
        job,
        project,
        circuit,
        device,
        device_name,
        usage,
        agreed,
        charged,
        development,
        witness_retention,
    } = input;
    let metered = cost_lines(book, device.as_ref(), &usage)?;
    let cost = sum(&metered)?;
    let (mut lines, quoted) = priced(agreed.as_ref(), metered, cost);
    if !charged {
        lines.iter_mut().for_each(|line| line.amount_nano_usd = NanoUsd::ZERO);
    }
    let waste = if charged { NanoUsd::ZERO } else { cost };
    let forgotten = usize::from(Defect::ForgetsALine.is_planted());
    Ok(Receipt {
        job,
        project,
        circuit,
        price_book: book.version(),
        device,
        device_name,
        usage,
        utilisation_bp: book.utilisation_bp(),
        margin_bp: book.margin_bp(),
        charge_nano_usd: sum(&lines[forgotten.min(lines.len())..])?,
        lines,
        quoted,
        charged,
        waste_nano_usd: waste,
        development,
        witness_retention,
    })
}

/// The lines of the charge: those of the usage, or the price that was agreed.
fn priced(
    agreed: Option<&AgreedPrice>,
    metered: Vec<ChargeLine>,
    cost: NanoUsd,
) -> (Vec<ChargeLine>, Option<QuotedCharge>) {
    let agreed = agreed.filter(|_| !Defect::IgnoresAgreedPrices.is_planted());
    let Some(&AgreedPrice { price_nano_usd, quote, reservation: _ }) = agreed else {
        return (metered, None);
    };
    let line = ChargeLine {
        item: "quoted price".to_owned(),
        quantity: 1,
        unit: "proof".to_owned(),
        amount_nano_usd: price_nano_usd,
    };
    let quoted =
        QuotedCharge { quote, price_nano_usd, metered_nano_usd: cost, metered_lines: metered };
    (vec![line], Some(quoted))
}

#[cfg(test)]
pub(crate) mod tests {
    use zkpool_types::Sha256Digest;

    use super::*;
    use crate::lines::US_PER_HOUR;

    /// A price that was agreed.
    pub(crate) fn agreed(nano_usd: u64) -> Option<AgreedPrice> {
        let price_nano_usd = NanoUsd::new(nano_usd);
        Some(AgreedPrice { price_nano_usd, quote: None, reservation: None })
    }

    pub(crate) fn input(usage: Usage, charged: bool) -> ReceiptInput {
        ReceiptInput {
            job: "018f2e7a-0000-7000-8000-000000000001".parse().unwrap(),
            project: "rollup".parse().unwrap(),
            circuit: CircuitRef::of_key("transfer", &Sha256Digest::of(b"key")).unwrap(),
            device: Some(DeviceClass::new("nvidia-l4")),
            device_name: None,
            usage,
            agreed: None,
            charged,
            development: false,
            witness_retention: "deleted after this outcome".to_owned(),
        }
    }

    pub(crate) fn usage() -> Usage {
        Usage {
            queue_us: 250_000,
            fetch_us: 20_000,
            device_us: 1_400_000,
            witness_bytes: 4_000_000,
            proof_bytes: 1_200,
            requests: 326,
            storage_writes: 10,
            storage_reads: 20,
            queue_requests: 18,
            attempts: 1,
            ..Usage::default()
        }
    }

    /// A small deterministic generator (splitmix64), for properties over many usages.
    pub(crate) fn numbers(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }
    }

    pub(crate) fn random_usage(next: &mut impl FnMut() -> u64) -> Usage {
        let mut small = || next() >> (24 + next() % 40);
        Usage {
            queue_us: small(),
            fetch_us: small(),
            device_us: small(),
            witness_bytes: small() >> 8,
            proof_bytes: small() >> 8,
            requests: small() >> 16,
            storage_writes: small() >> 16,
            storage_reads: small() >> 16,
            queue_requests: small() >> 16,
            attempts: 1,
            ..Usage::default()
        }
    }

    fn amount(receipt: &Receipt, item: &str) -> u64 {
        let line = receipt.lines.iter().find(|line| line.item == item).unwrap();
        line.amount_nano_usd.get()
    }

    #[test]
    fn every_line_is_what_the_formula_gives() {
        let book = PriceBook::builtin().unwrap();
        let receipt = receipt(&book, input(usage(), true)).unwrap();
        // 1.4 s at 0.8048 $/h = 312,977.78; idle 0.6 s at 7000 bp = 134,133.33.
        assert_eq!(amount(&receipt, "device"), 312_978);
        assert_eq!(amount(&receipt, "device spot"), 0);
        assert_eq!(amount(&receipt, "idle"), 134_133);
        // 3 requests of 0.4 s at 512 MB: 614,400 MB ms at 0.0000133334 $ a GB s = 8,192.04.
        assert_eq!(amount(&receipt, "api requests"), 3_000);
        assert_eq!(amount(&receipt, "function requests"), 600);
        assert_eq!(amount(&receipt, "function time"), 8_192);
        assert_eq!(amount(&receipt, "storage writes"), 50_000);
        assert_eq!(amount(&receipt, "storage reads"), 8_000);
        assert_eq!(amount(&receipt, "queue requests"), 7_200);
        // 4 MB for one started hour at 0.023 $/GB-month = 126.03; 14,400 byte-months = 331.2.
        assert_eq!(amount(&receipt, "witness storage"), 126);
        assert_eq!(amount(&receipt, "proof storage"), 331);
        // 1,200 bytes at 0.09 $/GB.
        assert_eq!(amount(&receipt, "transfer out"), 108);
        // 15 % of 524,668.
        assert_eq!(amount(&receipt, "margin"), 78_700);
        assert_eq!(receipt.charge_nano_usd, NanoUsd::new(603_368));
    }

    #[test]
    fn a_share_on_spot_machines_is_charged_at_their_price() {
        let text = include_str!("../../../infra/price-books/2026-11-25.json");
        let mut book: serde_json::Value = serde_json::from_str(text).unwrap();
        // A quarter of the work at half the price.
        book["devices"][3]["spot"]["share_bp"] = 2_500.into();
        book["devices"][3]["spot"]["nano_usd_per_hour"] = 402_400_000.into();
        let book = PriceBook::parse(&book.to_string()).unwrap();
        let receipt = receipt(&book, input(usage(), true)).unwrap();
        // 1.05 s at 0.8048 $/h = 234,733.3; 0.35 s at 0.4024 = 39,122.2; idle 0.6 s at 0.7042.
        assert_eq!(amount(&receipt, "device"), 234_733);
        assert_eq!(amount(&receipt, "device spot"), 39_122);
        assert_eq!(amount(&receipt, "idle"), 117_367);
    }

    #[test]
    fn receipts_of_the_first_price_book_have_the_lines_that_they_had() {
        let book = PriceBook::of_version("2026-11-23").unwrap().unwrap();
        let usage = Usage { requests: 200, ..usage() };
        let receipt = receipt(&book, input(usage, true)).unwrap();
        let items: Vec<_> = receipt.lines.iter().map(|line| line.item.as_str()).collect();
        let expected = ["device", "idle", "requests", "witness storage", "proof storage", "margin"];
        assert_eq!(items, expected);
        assert_eq!(amount(&receipt, "requests"), 40_000);
        // 15 % of 487,568.
        assert_eq!(receipt.charge_nano_usd, NanoUsd::new(560_703));
    }

    #[test]
    fn an_agreed_price_is_the_charge_and_what_was_metered_stands_beside_it() {
        let book = PriceBook::builtin().unwrap();
        let metered = receipt(&book, input(usage(), true)).unwrap();
        let quoted = ReceiptInput { agreed: agreed(700), ..input(usage(), true) };
        let quoted = receipt(&book, quoted).unwrap();
        assert_eq!(quoted.charge_nano_usd, NanoUsd::new(700));
        assert_eq!((quoted.lines.len(), amount(&quoted, "quoted price")), (1, 700));
        let beside = quoted.quoted.unwrap();
        assert_eq!(beside.price_nano_usd, NanoUsd::new(700));
        assert_eq!(beside.metered_nano_usd, metered.charge_nano_usd);
        assert_eq!(beside.metered_lines, metered.lines);
    }

    #[test]
    fn an_agreed_price_of_uncharged_work_is_not_charged() {
        let book = PriceBook::builtin().unwrap();
        let metered = receipt(&book, input(usage(), true)).unwrap();
        let wasted = ReceiptInput { agreed: agreed(700), ..input(usage(), false) };
        let wasted = receipt(&book, wasted).unwrap();
        assert_eq!((wasted.charge_nano_usd, amount(&wasted, "quoted price")), (NanoUsd::ZERO, 0));
        assert_eq!(wasted.waste_nano_usd, metered.charge_nano_usd);
        assert_eq!(wasted.metered_nano_usd(), metered.charge_nano_usd);
    }

    #[test]
    fn lines_sum_exactly_to_the_charge_for_any_usage() {
        let book = PriceBook::builtin().unwrap();
        let mut next = numbers(1);
        for _ in 0..20_000 {
            let receipt = receipt(&book, input(random_usage(&mut next), true)).unwrap();
            let sum: NanoUsd = receipt.lines.iter().map(|line| line.amount_nano_usd).sum();
            assert_eq!(sum, receipt.charge_nano_usd);
        }
    }

    #[test]
    fn more_device_time_never_costs_less() {
        let book = PriceBook::builtin().unwrap();
        let mut next = numbers(2);
        for _ in 0..5_000 {
            let less = random_usage(&mut next);
            let more = Usage { device_us: less.device_us + next() % 1_000_000, ..less };
            let charge = |usage| receipt(&book, input(usage, true)).unwrap().charge_nano_usd;
            assert!(charge(less) <= charge(more));
        }
    }

    #[test]
    fn uncharged_work_is_listed_at_zero_with_its_cost_as_waste() {
        let book = PriceBook::builtin().unwrap();
        let charged = receipt(&book, input(usage(), true)).unwrap();
        let wasted = receipt(&book, input(usage(), false)).unwrap();
        assert_eq!(wasted.charge_nano_usd, NanoUsd::ZERO);
        assert_eq!(wasted.waste_nano_usd, charged.charge_nano_usd);
        assert_eq!(charged.waste_nano_usd, NanoUsd::ZERO);
        assert_eq!(wasted.lines.len(), charged.lines.len());
        for (wasted, charged) in wasted.lines.iter().zip(&charged.lines) {
            assert_eq!(wasted.quantity, charged.quantity);
            assert_eq!(wasted.amount_nano_usd, NanoUsd::ZERO);
        }
    }

    #[test]
    fn a_device_without_a_price_is_rejected() {
        let book = PriceBook::builtin().unwrap();
        let unknown =
            ReceiptInput { device: Some(DeviceClass::new("abacus")), ..input(usage(), true) };
        assert!(matches!(receipt(&book, unknown), Err(ReceiptError::UnknownDevice { .. })));
        let none = ReceiptInput { device: None, ..input(usage(), true) };
        assert_eq!(receipt(&book, none), Err(ReceiptError::NoDevice { device_us: 1_400_000 }));
    }

    #[test]
    fn an_amount_beyond_64_bits_is_rejected_not_wrapped() {
        let book = PriceBook::builtin().unwrap();
        let huge = [
            Usage { device_us: u64::MAX, ..usage() },
            Usage { storage_writes: u64::MAX, ..usage() },
            Usage { witness_bytes: u64::MAX, queue_us: 2 * US_PER_HOUR, ..usage() },
            Usage { proof_bytes: u64::MAX, ..usage() },
            Usage { queue_us: u64::MAX, ..usage() },
        ];
        for usage in huge {
            let result = receipt(&book, input(usage, true));
            assert!(matches!(result, Err(ReceiptError::Overflow { .. })), "{usage:?}");
        }
    }
}
