//! What a proof is expected to cost: the lines of its receipt, before there is one.

use zkpool_types::{ChargeLine, DeviceClass, NanoUsd, Usage};

use crate::lines::{cost_lines, sum};
use crate::{PriceBook, ReceiptError};

/// A price with its breakdown. The lines sum exactly to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The same lines that a receipt of the same usage has.
    pub lines: Vec<ChargeLine>,
    /// Their sum.
    pub nano_usd: NanoUsd,
}

/// The price of a proof that uses this much on a device of this class.
///
/// # Errors
/// The price book does not name the class, or a line does not fit 64 bits.
pub fn price(book: &PriceBook, device: &DeviceClass, usage: &Usage) -> Result<Price, ReceiptError> {
    let lines = cost_lines(book, Some(device), usage)?;
    let nano_usd = sum(&lines)?;
    Ok(Price { lines, nano_usd })
}

/// `count` times this price.
///
/// # Errors
/// The product does not fit 64 bits.
pub fn times(price: NanoUsd, count: u64) -> Result<NanoUsd, ReceiptError> {
    let total = price.get().checked_mul(count);
    total.map(NanoUsd::new).ok_or(ReceiptError::Overflow { item: "total" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt;
    use crate::receipt::tests::{input, numbers, random_usage};

    #[test]
    fn a_quote_of_what_is_then_used_is_the_charge() {
        let mut next = numbers(4);
        let book = PriceBook::builtin().unwrap();
        for _ in 0..2_000 {
            let input = input(random_usage(&mut next), true);
            let price = price(&book, input.device.as_ref().unwrap(), &input.usage).unwrap();
            let receipt = receipt(&book, input).unwrap();
            assert_eq!((price.lines, price.nano_usd), (receipt.lines, receipt.charge_nano_usd));
        }
    }

    #[test]
    fn a_total_beyond_64_bits_is_rejected() {
        assert_eq!(times(NanoUsd::new(3), 4), Ok(NanoUsd::new(12)));
        assert!(times(NanoUsd::new(u64::MAX), 2).is_err());
    }
}
