//! From usage to receipt.

use zkpool_types::{
    ChargeLine, CircuitRef, DeviceClass, JobId, NanoUsd, ProjectId, Receipt, Usage,
};

use crate::PriceBook;
use crate::price_book::BP_ONE;
use crate::rounding::multiply_divide;

/// Microseconds in an hour.
const US_PER_HOUR: u64 = 3_600_000_000;

/// Bytes in the gigabyte that storage is priced by.
const BYTES_PER_GB: u64 = 1_000_000_000;

/// Hours in the month that storage is priced by, as AWS counts them.
const HOURS_PER_MONTH: u64 = 730;

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
/// Lines, in this order, each rounded half up: `device` (time the device was held), `idle` (the
/// share of its idle time that utilisation assigns to that), `requests`, `witness storage` (in
/// started hours from acceptance to the end), `proof storage`, `margin` (on the sum so far).
/// Where the work is not charged, quantities stay and amounts are zero, and what they would have
/// come to is the receipt's waste.
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
        charged,
        development,
        witness_retention,
    } = input;
    let mut lines = cost_lines(book, device.as_ref(), &usage)?;
    let cost = sum(&lines)?;
    if !charged {
        lines.iter_mut().for_each(|line| line.amount_nano_usd = NanoUsd::ZERO);
    }
    let (charge, waste) = if charged { (cost, NanoUsd::ZERO) } else { (NanoUsd::ZERO, cost) };
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
        lines,
        charged,
        charge_nano_usd: charge,
        waste_nano_usd: waste,
        development,
        witness_retention,
    })
}

fn cost_lines(
    book: &PriceBook,
    device: Option<&DeviceClass>,
    usage: &Usage,
) -> Result<Vec<ChargeLine>, ReceiptError> {
    let mut lines = device_lines(book, device, usage.device_us)?;
    lines.push(request_line(book, usage.requests)?);
    lines.extend(storage_lines(book, usage)?);
    lines.push(margin_line(book.margin_bp(), sum(&lines)?)?);
    Ok(lines)
}

fn device_lines(
    book: &PriceBook,
    device: Option<&DeviceClass>,
    device_us: u64,
) -> Result<Vec<ChargeLine>, ReceiptError> {
    let Some(class) = device else {
        return if device_us == 0 {
            Ok(Vec::new())
        } else {
            Err(ReceiptError::NoDevice { device_us })
        };
    };
    let price = book.device_price(class).ok_or_else(|| ReceiptError::UnknownDevice {
        price_book: book.version(),
        found: class.clone(),
    })?;
    let utilisation = u64::from(book.utilisation_bp());
    let idle_bp = u64::from(BP_ONE).saturating_sub(utilisation);
    let idle_us = multiply_divide(device_us, idle_bp, utilisation);
    let line = |item, us: Option<u64>| {
        let amount = us.and_then(|us| multiply_divide(us, price.get(), US_PER_HOUR));
        charge_line(item, us, "us", amount)
    };
    Ok(vec![line("device", Some(device_us))?, line("idle", idle_us)?])
}

fn request_line(book: &PriceBook, units: u64) -> Result<ChargeLine, ReceiptError> {
    let amount = units.checked_mul(book.requests().nano_usd_per_unit);
    charge_line("requests", Some(units), "request-unit", amount)
}

fn storage_lines(book: &PriceBook, usage: &Usage) -> Result<[ChargeLine; 2], ReceiptError> {
    let price = book.storage().nano_usd_per_gb_month;
    let held_us = usage.queue_us.checked_add(usage.fetch_us);
    let held_us = held_us.and_then(|us| us.checked_add(usage.device_us));
    let byte_hours =
        held_us.and_then(|us| usage.witness_bytes.checked_mul(us.div_ceil(US_PER_HOUR)));
    let byte_months = usage.proof_bytes.checked_mul(book.storage().proof_months);
    let amount = |quantity: Option<u64>, divisor| {
        quantity.and_then(|quantity| multiply_divide(quantity, price, divisor))
    };
    let by_hour = amount(byte_hours, BYTES_PER_GB * HOURS_PER_MONTH);
    let by_month = amount(byte_months, BYTES_PER_GB);
    Ok([
        charge_line("witness storage", byte_hours, "byte-hour", by_hour)?,
        charge_line("proof storage", byte_months, "byte-month", by_month)?,
    ])
}

fn margin_line(margin_bp: u32, cost: NanoUsd) -> Result<ChargeLine, ReceiptError> {
    let margin_bp = u64::from(margin_bp);
    let amount = multiply_divide(cost.get(), margin_bp, u64::from(BP_ONE));
    charge_line("margin", Some(margin_bp), "bp", amount)
}

fn charge_line(
    item: &'static str,
    quantity: Option<u64>,
    unit: &str,
    amount: Option<u64>,
) -> Result<ChargeLine, ReceiptError> {
    let (Some(quantity), Some(amount)) = (quantity, amount) else {
        return Err(ReceiptError::Overflow { item });
    };
    Ok(ChargeLine {
        item: item.to_owned(),
        quantity,
        unit: unit.to_owned(),
        amount_nano_usd: NanoUsd::new(amount),
    })
}

fn sum(lines: &[ChargeLine]) -> Result<NanoUsd, ReceiptError> {
    lines
        .iter()
        .try_fold(NanoUsd::ZERO, |total, line| total.checked_add(line.amount_nano_usd))
        .ok_or(ReceiptError::Overflow { item: "total" })
}

#[cfg(test)]
pub(crate) mod tests {
    use zkpool_types::Sha256Digest;

    use super::*;

    pub(crate) fn input(usage: Usage, charged: bool) -> ReceiptInput {
        ReceiptInput {
            job: "018f2e7a-0000-7000-8000-000000000001".parse().unwrap(),
            project: "rollup".parse().unwrap(),
            circuit: CircuitRef::of_key("transfer", &Sha256Digest::of(b"key")).unwrap(),
            device: Some(DeviceClass::new("nvidia-l4")),
            device_name: None,
            usage,
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
            requests: 200,
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
        assert_eq!(amount(&receipt, "idle"), 134_133);
        assert_eq!(amount(&receipt, "requests"), 40_000);
        // 4 MB for one started hour at 0.023 $/GB-month = 126.03; 14,400 byte-months = 331.2.
        assert_eq!(amount(&receipt, "witness storage"), 126);
        assert_eq!(amount(&receipt, "proof storage"), 331);
        // 15 % of 487,568.
        assert_eq!(amount(&receipt, "margin"), 73_135);
        assert_eq!(receipt.charge_nano_usd, NanoUsd::new(560_703));
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
            Usage { requests: u64::MAX, ..usage() },
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
