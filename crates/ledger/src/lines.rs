//! The lines that a usage comes to under a price book.

use zkpool_types::{ChargeLine, DeviceClass, NanoUsd, Usage};

use crate::price_book::{BP_ONE, DevicePrice, FunctionPrices, TransferPrices};
use crate::receipt::ReceiptError;
use crate::rounding::multiply_divide;
use crate::{PriceBook, RequestCount};

/// Microseconds in an hour.
pub(crate) const US_PER_HOUR: u64 = 3_600_000_000;

/// Bytes in the gigabyte that storage is priced by.
const BYTES_PER_GB: u64 = 1_000_000_000;

/// Hours in the month that storage is priced by, as AWS counts them.
const HOURS_PER_MONTH: u64 = 730;

/// Calls that functions are priced by.
const MILLION: u64 = 1_000_000;

/// MB-milliseconds in 10^6 GB-seconds.
const MB_MS_PER_MILLION_GB_S: u64 = 1_000_000_000_000;

/// Every line with its cost, the margin last.
///
/// # Errors
/// The device is unknown or missing, or a line does not fit 64 bits.
pub(crate) fn cost_lines(
    book: &PriceBook,
    device: Option<&DeviceClass>,
    usage: &Usage,
) -> Result<Vec<ChargeLine>, ReceiptError> {
    let mut lines = device_lines(book, device, usage.device_us)?;
    if let Some(functions) = book.functions() {
        lines.extend(function_lines(functions)?);
    }
    lines.extend(request_lines(book, usage)?);
    lines.extend(storage_lines(book, usage)?);
    if let Some(transfer) = book.transfer() {
        lines.push(transfer_line(transfer, usage.proof_bytes)?);
    }
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
    let price = book.device(class).ok_or_else(|| ReceiptError::UnknownDevice {
        price_book: book.version(),
        found: class.clone(),
    })?;
    let utilisation = u64::from(book.utilisation_bp());
    let idle_bp = u64::from(BP_ONE).saturating_sub(utilisation);
    let idle_us = multiply_divide(device_us, idle_bp, utilisation);
    let mut lines = busy_lines(price, device_us)?;
    lines.push(charge_line("idle", idle_us, "us", idle_us.and_then(|us| mixed(price, us)))?);
    Ok(lines)
}

/// Device time at the price on demand, and, where the book has one, at the price on the spot.
fn busy_lines(price: &DevicePrice, device_us: u64) -> Result<Vec<ChargeLine>, ReceiptError> {
    let line = |item, us: u64, per_hour| {
        charge_line(item, Some(us), "us", multiply_divide(us, per_hour, US_PER_HOUR))
    };
    let Some(spot) = &price.spot else {
        return Ok(vec![line("device", device_us, price.nano_usd_per_hour)?]);
    };
    let spot_us = multiply_divide(device_us, u64::from(spot.share_bp), u64::from(BP_ONE));
    let spot_us = spot_us.ok_or(ReceiptError::Overflow { item: "device spot" })?;
    Ok(vec![
        line("device", device_us.saturating_sub(spot_us), price.nano_usd_per_hour)?,
        line("device spot", spot_us, spot.nano_usd_per_hour)?,
    ])
}

/// What `us` cost at the mix of both prices that the work is charged at.
fn mixed(price: &DevicePrice, us: u64) -> Option<u64> {
    let share = price.spot.as_ref().map_or(0, |spot| u64::from(spot.share_bp));
    let spot = price.spot.as_ref().map_or(0, |spot| spot.nano_usd_per_hour);
    let rest = u64::from(BP_ONE).saturating_sub(share);
    let on_demand = price.nano_usd_per_hour.checked_mul(rest)?;
    let per_hour = spot.checked_mul(share)?.checked_add(on_demand)?;
    multiply_divide(us, per_hour, US_PER_HOUR.checked_mul(u64::from(BP_ONE))?)
}

fn function_lines(functions: &FunctionPrices) -> Result<[ChargeLine; 3], ReceiptError> {
    let requests = functions.requests_per_job;
    let mb_ms = requests
        .checked_mul(functions.ms_per_request)
        .and_then(|ms| ms.checked_mul(functions.memory_mb));
    let calls = |price| multiply_divide(requests, price, MILLION);
    let time = mb_ms.and_then(|mb_ms| {
        multiply_divide(mb_ms, functions.nano_usd_per_million_gb_seconds, MB_MS_PER_MILLION_GB_S)
    });
    let by_api = calls(functions.nano_usd_per_million_api_requests);
    let by_call = calls(functions.nano_usd_per_million_requests);
    Ok([
        charge_line("api requests", Some(requests), "request", by_api)?,
        charge_line("function requests", Some(requests), "request", by_call)?,
        charge_line("function time", mb_ms, "mb-ms", time)?,
    ])
}

fn request_lines(book: &PriceBook, usage: &Usage) -> Result<Vec<ChargeLine>, ReceiptError> {
    let per_unit = book.requests().nano_usd_per_unit;
    if !book.requests().itemised {
        let amount = usage.requests.checked_mul(per_unit);
        return Ok(vec![charge_line("requests", Some(usage.requests), "request-unit", amount)?]);
    }
    let line = |item, count: u64, of_kind: RequestCount| {
        let price = book.request_units(of_kind).checked_mul(per_unit);
        let amount = price.and_then(|price| count.checked_mul(price));
        charge_line(item, Some(count), "request", amount)
    };
    let none = RequestCount::default();
    Ok(vec![
        line("storage writes", usage.storage_writes, RequestCount { writes: 1, ..none })?,
        line("storage reads", usage.storage_reads, RequestCount { reads: 1, ..none })?,
        line("queue requests", usage.queue_requests, RequestCount { queue_requests: 1, ..none })?,
    ])
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

fn transfer_line(transfer: &TransferPrices, proof_bytes: u64) -> Result<ChargeLine, ReceiptError> {
    let bytes = proof_bytes.checked_mul(transfer.reads_per_proof);
    let amount =
        bytes.and_then(|bytes| multiply_divide(bytes, transfer.nano_usd_per_gb, BYTES_PER_GB));
    charge_line("transfer out", bytes, "byte", amount)
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

/// What the lines come to.
pub(crate) fn sum(lines: &[ChargeLine]) -> Result<NanoUsd, ReceiptError> {
    lines
        .iter()
        .try_fold(NanoUsd::ZERO, |total, line| total.checked_add(line.amount_nano_usd))
        .ok_or(ReceiptError::Overflow { item: "total" })
}
