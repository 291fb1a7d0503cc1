//! Tables of text to Parquet.

use zkpool_ledger::costs::DECIMAL_PLACES;

use super::{Cells, Column, TableError, write_parquet};
use crate::BillingError;

/// How the heading of a column of amounts ends.
const AMOUNT: &str = "_usd";

/// Rows of text as a Parquet file; the first one has the headings. A column whose heading ends with
/// `_usd` holds exact decimals with nine places, as `DECIMAL(18, 9)`; every other one holds text.
///
/// # Errors
/// A cell of such a column is no decimal of nine places, or the table cannot be written.
pub fn parquet_of(rows: &[Vec<String>]) -> Result<Vec<u8>, BillingError> {
    let Some((headings, rows)) = rows.split_first() else { return Ok(Vec::new()) };
    let columns = headings.iter().enumerate().map(|(index, heading)| {
        let cells = rows.iter().map(|row| row.get(index));
        if heading.ends_with(AMOUNT) {
            let amounts = cells.map(|cell| nano_usd(cell.map_or("", String::as_str)));
            Ok(Column::new(heading, Cells::Decimal(amounts.collect::<Result<_, _>>()?)))
        } else {
            Ok(Column::text(heading, cells.map(Option::<&String>::cloned)))
        }
    });
    Ok(write_parquet(&columns.collect::<Result<Vec<_>, TableError>>()?)?)
}

/// Exact dollars with nine places as nano-dollars.
fn nano_usd(decimal: &str) -> Result<i64, TableError> {
    let whole = decimal.split_once('.').filter(|(_, places)| places.len() == DECIMAL_PLACES);
    let amount = whole.and_then(|(dollars, places)| format!("{dollars}{places}").parse().ok());
    amount.ok_or_else(|| TableError::Cell { column: "amount", found: decimal.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Columns;

    fn rows(rows: &[[&str; 2]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn amounts_are_exact_and_everything_else_is_text() {
        let table =
            rows(&[["item", "amount_usd"], ["device", "1.000000001"], ["x", "-0.000000002"]]);
        let file = parquet_of(&table).unwrap();
        let columns = Columns::read(file.into(), &["item", "amount_usd"]).unwrap();
        assert_eq!(columns.numbers("amount_usd").unwrap(), [1_000_000_001, -2]);
        assert_eq!(columns.text("item").unwrap()[1].as_ref().unwrap().data(), b"x");
    }

    #[test]
    fn an_amount_that_is_not_exact_is_rejected() {
        for bad in ["", "1", "1.5", "1.0000000001", "$1.000000000"] {
            assert!(parquet_of(&rows(&[["a", "b_usd"], ["x", bad]])).is_err(), "{bad:?}");
        }
    }
}
