//! Checking a receipt against the price book it names.

use zkpool_types::{AgreedPrice, ChargeLine, NanoUsd, QuotedCharge, Receipt};

use crate::PriceBook;
use crate::receipt::{ReceiptError, ReceiptInput, receipt};

/// How a receipt differs from what its own usage comes to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptMismatch {
    /// The receipt was made under another price book.
    #[error("expected a receipt of price book {expected}, found {found}")]
    PriceBook {
        /// The version at hand.
        expected: String,
        /// The version on the receipt.
        found: String,
    },
    /// The receipt states another utilisation than its price book.
    #[error("expected a utilisation of {expected} bp, found {found}")]
    Utilisation {
        /// Of the price book.
        expected: u32,
        /// On the receipt.
        found: u32,
    },
    /// The receipt states another margin than its price book.
    #[error("expected a margin of {expected} bp, found {found}")]
    Margin {
        /// Of the price book.
        expected: u32,
        /// On the receipt.
        found: u32,
    },
    /// A line is missing or added.
    #[error("expected {expected} lines, found {found}")]
    LineCount {
        /// Recomputed.
        expected: usize,
        /// On the receipt.
        found: usize,
    },
    /// A line differs in item, quantity, unit or amount.
    #[error("expected line {index} to be `{expected}`, found `{found}`")]
    Line {
        /// Counted from 0.
        index: usize,
        /// Recomputed.
        expected: Box<ChargeLine>,
        /// On the receipt.
        found: Box<ChargeLine>,
    },
    /// A line of what was metered differs, beside an agreed price.
    #[error("expected metered line {index} to be `{expected}`, found `{found}`")]
    MeteredLine {
        /// Counted from 0.
        index: usize,
        /// Recomputed.
        expected: Box<ChargeLine>,
        /// On the receipt.
        found: Box<ChargeLine>,
    },
    /// What was metered differs, beside an agreed price.
    #[error("expected a metered amount of {expected}, found {found}")]
    Metered {
        /// Recomputed.
        expected: NanoUsd,
        /// On the receipt.
        found: NanoUsd,
    },
    /// The charge differs.
    #[error("expected a charge of {expected}, found {found}")]
    Charge {
        /// Recomputed.
        expected: NanoUsd,
        /// On the receipt.
        found: NanoUsd,
    },
    /// The waste differs.
    #[error("expected waste of {expected}, found {found}")]
    Waste {
        /// Recomputed.
        expected: NanoUsd,
        /// On the receipt.
        found: NanoUsd,
    },
    /// No receipt can be made of the usage at all.
    #[error("the usage on the receipt has no price")]
    Unpriced(#[from] ReceiptError),
}

/// Recomputes every line of `found` from its own usage.
///
/// # Errors
/// The first difference, by name.
pub fn recompute(book: &PriceBook, found: &Receipt) -> Result<(), ReceiptMismatch> {
    let expected_version = book.version();
    if found.price_book != expected_version {
        let found = found.price_book.clone();
        return Err(ReceiptMismatch::PriceBook { expected: expected_version, found });
    }
    let expected = receipt(book, input_of(found))?;
    compare_terms(&expected, found)?;
    compare_lines(&expected.lines, &found.lines)?;
    compare_quoted(expected.quoted.as_ref(), found.quoted.as_ref())?;
    compare_totals(&expected, found)
}

fn input_of(receipt: &Receipt) -> ReceiptInput {
    ReceiptInput {
        job: receipt.job,
        project: receipt.project.clone(),
        circuit: receipt.circuit.clone(),
        device: receipt.device.clone(),
        device_name: receipt.device_name.clone(),
        usage: receipt.usage,
        agreed: receipt.quoted.as_ref().map(agreed_on),
        charged: receipt.charged,
        development: receipt.development,
        witness_retention: receipt.witness_retention.clone(),
    }
}

/// The price that a receipt states as agreed.
fn agreed_on(quoted: &QuotedCharge) -> AgreedPrice {
    let QuotedCharge { quote, price_nano_usd, .. } = quoted;
    AgreedPrice { price_nano_usd: *price_nano_usd, quote: *quote, reservation: None }
}

fn compare_terms(expected: &Receipt, found: &Receipt) -> Result<(), ReceiptMismatch> {
    if expected.utilisation_bp != found.utilisation_bp {
        let (expected, found) = (expected.utilisation_bp, found.utilisation_bp);
        return Err(ReceiptMismatch::Utilisation { expected, found });
    }
    if expected.margin_bp != found.margin_bp {
        let (expected, found) = (expected.margin_bp, found.margin_bp);
        return Err(ReceiptMismatch::Margin { expected, found });
    }
    Ok(())
}

fn compare_count(expected: &[ChargeLine], found: &[ChargeLine]) -> Result<(), ReceiptMismatch> {
    if expected.len() != found.len() {
        let (expected, found) = (expected.len(), found.len());
        return Err(ReceiptMismatch::LineCount { expected, found });
    }
    Ok(())
}

fn compare_lines(expected: &[ChargeLine], found: &[ChargeLine]) -> Result<(), ReceiptMismatch> {
    compare_count(expected, found)?;
    match first_difference(expected, found) {
        None => Ok(()),
        Some((index, expected, found)) => Err(ReceiptMismatch::Line { index, expected, found }),
    }
}

/// The first line that differs, of as many on both sides.
fn first_difference(
    expected: &[ChargeLine],
    found: &[ChargeLine],
) -> Option<(usize, Box<ChargeLine>, Box<ChargeLine>)> {
    let differing = expected.iter().zip(found).enumerate().find(|(_, (a, b))| a != b);
    differing.map(|(index, (a, b))| (index, Box::new(a.clone()), Box::new(b.clone())))
}

/// Compares what stands beside an agreed price. Both sides have one, or neither: the expected one
/// is made from the receipt's own.
fn compare_quoted(
    expected: Option<&QuotedCharge>,
    found: Option<&QuotedCharge>,
) -> Result<(), ReceiptMismatch> {
    let (Some(expected), Some(found)) = (expected, found) else { return Ok(()) };
    compare_count(&expected.metered_lines, &found.metered_lines)?;
    let differing = first_difference(&expected.metered_lines, &found.metered_lines);
    if let Some((index, expected, found)) = differing {
        return Err(ReceiptMismatch::MeteredLine { index, expected, found });
    }
    if expected.metered_nano_usd != found.metered_nano_usd {
        let (expected, found) = (expected.metered_nano_usd, found.metered_nano_usd);
        return Err(ReceiptMismatch::Metered { expected, found });
    }
    Ok(())
}

fn compare_totals(expected: &Receipt, found: &Receipt) -> Result<(), ReceiptMismatch> {
    if expected.charge_nano_usd != found.charge_nano_usd {
        let (expected, found) = (expected.charge_nano_usd, found.charge_nano_usd);
        return Err(ReceiptMismatch::Charge { expected, found });
    }
    if expected.waste_nano_usd != found.waste_nano_usd {
        let (expected, found) = (expected.waste_nano_usd, found.waste_nano_usd);
        return Err(ReceiptMismatch::Waste { expected, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::tests::{agreed, input, numbers, random_usage, usage};

    fn tampered(change: impl FnOnce(&mut Receipt)) -> Result<(), ReceiptMismatch> {
        let book = PriceBook::builtin().unwrap();
        let mut receipt = receipt(&book, input(usage(), true)).unwrap();
        change(&mut receipt);
        recompute(&book, &receipt)
    }

    #[test]
    fn every_receipt_recomputes_also_after_a_round_trip_through_json() {
        let book = PriceBook::builtin().unwrap();
        let mut next = numbers(3);
        for _ in 0..2_000 {
            let charged = next().is_multiple_of(2);
            let agreed = if next().is_multiple_of(2) { agreed(next() >> 20) } else { None };
            let input = ReceiptInput { agreed, ..input(random_usage(&mut next), charged) };
            let made = receipt(&book, input).unwrap();
            let json = serde_json::to_string(&made).unwrap();
            let read: Receipt = serde_json::from_str(&json).unwrap();
            assert_eq!(recompute(&book, &read), Ok(()));
        }
    }

    #[test]
    fn a_receipt_of_another_price_book_is_rejected() {
        let result = tampered(|receipt| receipt.price_book = "2020-01-01".to_owned());
        assert!(matches!(result, Err(ReceiptMismatch::PriceBook { .. })));
    }

    #[test]
    fn changed_terms_are_rejected() {
        let result = tampered(|receipt| receipt.utilisation_bp = 1);
        assert_eq!(result, Err(ReceiptMismatch::Utilisation { expected: 7000, found: 1 }));
        let result = tampered(|receipt| receipt.margin_bp = 9);
        assert_eq!(result, Err(ReceiptMismatch::Margin { expected: 1500, found: 9 }));
    }

    #[test]
    fn every_changed_line_is_rejected_by_its_index() {
        for changed in 0..13 {
            let result = tampered(|receipt| {
                let amount = &mut receipt.lines[changed].amount_nano_usd;
                *amount = NanoUsd::new(amount.get() + 1);
            });
            assert!(matches!(result, Err(ReceiptMismatch::Line { index, .. }) if index == changed));
        }
    }

    #[test]
    fn a_dropped_line_is_rejected() {
        let result = tampered(|receipt| drop(receipt.lines.pop()));
        assert_eq!(result, Err(ReceiptMismatch::LineCount { expected: 13, found: 12 }));
    }

    #[test]
    fn a_changed_charge_is_rejected() {
        let result = tampered(|receipt| receipt.charge_nano_usd = NanoUsd::ZERO);
        assert!(matches!(result, Err(ReceiptMismatch::Charge { .. })));
        let result = tampered(|receipt| receipt.waste_nano_usd = NanoUsd::new(1));
        assert!(matches!(result, Err(ReceiptMismatch::Waste { .. })));
    }

    #[test]
    fn a_charge_moved_to_waste_is_rejected() {
        let result = tampered(|receipt| receipt.charged = false);
        assert!(matches!(result, Err(ReceiptMismatch::Line { index: 0, .. })));
    }

    #[test]
    fn changed_usage_is_rejected() {
        let result = tampered(|receipt| receipt.usage.device_us += 1_000);
        assert!(matches!(result, Err(ReceiptMismatch::Line { index: 0, .. })));
        let result = tampered(|receipt| receipt.usage.device_us = u64::MAX);
        assert!(matches!(result, Err(ReceiptMismatch::Unpriced(_))));
    }

    fn tampered_quoted(change: impl FnOnce(&mut Receipt)) -> Result<(), ReceiptMismatch> {
        let book = PriceBook::builtin().unwrap();
        let input = ReceiptInput { agreed: agreed(700), ..input(usage(), true) };
        let mut receipt = receipt(&book, input).unwrap();
        change(&mut receipt);
        recompute(&book, &receipt)
    }

    #[test]
    fn a_changed_quoted_price_or_metered_line_is_rejected() {
        let quoted = |change: fn(&mut QuotedCharge)| {
            tampered_quoted(|receipt| change(receipt.quoted.as_mut().unwrap()))
        };
        let result = quoted(|quoted| quoted.price_nano_usd = NanoUsd::new(1));
        assert!(matches!(result, Err(ReceiptMismatch::Line { index: 0, .. })));
        let result = quoted(|quoted| quoted.metered_lines[2].quantity += 1);
        assert!(matches!(result, Err(ReceiptMismatch::MeteredLine { index: 2, .. })));
        let result = quoted(|quoted| quoted.metered_nano_usd = NanoUsd::ZERO);
        assert!(matches!(result, Err(ReceiptMismatch::Metered { .. })));
        let result = quoted(|quoted| drop(quoted.metered_lines.pop()));
        assert_eq!(result, Err(ReceiptMismatch::LineCount { expected: 13, found: 12 }));
        let result = tampered_quoted(|receipt| receipt.quoted = None);
        assert_eq!(result, Err(ReceiptMismatch::LineCount { expected: 13, found: 1 }));
        assert_eq!(tampered_quoted(|_| ()), Ok(()));
    }
}
