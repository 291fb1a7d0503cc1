//! What a price book has to be to be applied.

use std::collections::BTreeSet;

use super::{
    BP_ONE, DevicePrice, Fields, FunctionPrices, MARGIN_BP_MAX, PriceBookError, RequestPrices,
    SpotPrice, StoragePrices, TransferPrices,
};

/// Refuses what cannot be meant.
pub(super) fn fields(fields: &Fields) -> Result<(), PriceBookError> {
    check_terms(fields)?;
    check_devices(&fields.devices)?;
    check_unit_prices(&fields.requests, &fields.storage)?;
    fields.functions.as_ref().map_or(Ok(()), check_functions)?;
    fields.transfer.as_ref().map_or(Ok(()), check_transfer)
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
        device.spot.as_ref().map_or(Ok(()), check_spot)?;
        if let Some(estimate) = &device.estimate {
            check_price("the rows of an estimate", estimate.ns_per_row)?;
        }
    }
    Ok(())
}

fn check_spot(spot: &SpotPrice) -> Result<(), PriceBookError> {
    if spot.share_bp > BP_ONE {
        return Err(PriceBookError::SpotShare(spot.share_bp));
    }
    check_price(&spot.reference, spot.nano_usd_per_hour)
}

fn check_functions(functions: &FunctionPrices) -> Result<(), PriceBookError> {
    check_price("a function's request", functions.nano_usd_per_million_requests)?;
    check_price("a function's time", functions.nano_usd_per_million_gb_seconds)?;
    check_price("a request to the API", functions.nano_usd_per_million_api_requests)?;
    check_price("the requests of a job", functions.requests_per_job)?;
    check_price("the time of a request", functions.ms_per_request)?;
    check_price("the memory of a function", functions.memory_mb)
}

fn check_transfer(transfer: &TransferPrices) -> Result<(), PriceBookError> {
    check_price("a gigabyte that leaves", transfer.nano_usd_per_gb)?;
    check_price("the reads of a proof", transfer.reads_per_proof)
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
