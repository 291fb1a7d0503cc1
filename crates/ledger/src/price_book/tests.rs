use serde_json::{Value, json};

use super::*;

fn parse_with(change: impl FnOnce(&mut Value)) -> Result<PriceBook, PriceBookError> {
    let mut book: Value = serde_json::from_str(BUILTIN[1]).unwrap();
    change(&mut book);
    PriceBook::parse(&book.to_string())
}

#[test]
fn the_builtin_book_is_valid_and_named_after_its_date() {
    let book = PriceBook::builtin().unwrap();
    assert_eq!(book.version(), "2026-11-25");
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
    let changes: [fn(&mut Value); 6] = [
        |book| book["discount_bp"] = json!(1),
        |book| book["devices"][0]["reserved"] = json!(1),
        |book| book["functions"]["free"] = json!(1),
        |book| book["transfer"]["free"] = json!(1),
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
    let changes: [fn(&mut Value); 8] = [
        |book| book["devices"][1]["nano_usd_per_hour"] = json!(0),
        |book| book["requests"]["nano_usd_per_unit"] = json!(0),
        |book| book["requests"]["units_per_write"] = json!(0),
        |book| book["storage"]["nano_usd_per_gb_month"] = json!(0),
        |book| book["devices"][1]["spot"]["nano_usd_per_hour"] = json!(0),
        |book| book["functions"]["nano_usd_per_million_gb_seconds"] = json!(0),
        |book| book["functions"]["requests_per_job"] = json!(0),
        |book| book["transfer"]["nano_usd_per_gb"] = json!(0),
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
    let result = parse_with(|book| book["devices"][0]["spot"]["share_bp"] = json!(10_001));
    assert!(matches!(result, Err(PriceBookError::SpotShare(10_001))));
    let result = parse_with(|book| book["currency"] = json!("EUR"));
    assert!(matches!(result, Err(PriceBookError::Currency(_))));
    let result = parse_with(|book| book["devices"] = json!([]));
    assert!(matches!(result, Err(PriceBookError::NoDevices)));
}

#[test]
fn every_builtin_book_is_found_by_its_version_and_no_other() {
    for version in ["2026-11-23", "2026-11-25"] {
        assert_eq!(PriceBook::of_version(version).unwrap().unwrap().version(), version);
    }
    assert_eq!(PriceBook::of_version("2020-01-01").unwrap(), None);
}

#[test]
fn a_book_reads_back_as_it_is_written() {
    for text in BUILTIN {
        let book = PriceBook::parse(text).unwrap();
        let written = serde_json::to_value(&book).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
    }
}

#[test]
fn an_estimate_grows_with_the_domain() {
    let book = PriceBook::builtin().unwrap();
    let estimate = book.device(&DeviceClass::new("cpu")).unwrap().estimate.clone().unwrap();
    // 8 ms and 3.3 us for each of 65,536 rows.
    assert_eq!(estimate.device_us(1 << 16), 8_000 + 216_268);
    assert_eq!(estimate.device_us(u64::MAX), 8_000 + u64::MAX / 1000);
}
