//! Tables to CSV (RFC 4180).

use std::fmt::Write;

use jiff::Timestamp;
use zkpool_ledger::costs::decimal_usd;

use super::{Cells, Column};

/// The table as CSV with a header. Amounts are exact decimals, times are ISO 8601 in UTC, and what
/// is absent is an empty field.
pub(crate) fn write_csv(columns: &[Column]) -> String {
    let mut out = String::new();
    let names: Vec<_> = columns.iter().map(|column| quoted(&column.name)).collect();
    push_line(&mut out, &names);
    let rows = columns.first().map_or(0, Column::len);
    for row in 0..rows {
        let cells: Vec<_> = columns.iter().map(|column| cell(&column.cells, row)).collect();
        push_line(&mut out, &cells);
    }
    out
}

fn push_line(out: &mut String, cells: &[String]) {
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

fn cell(cells: &Cells, row: usize) -> String {
    let number = |cells: &[i64]| cells.get(row).copied().unwrap_or_default();
    match cells {
        Cells::Text(cells) => {
            cells.get(row).and_then(Option::as_ref).map_or_else(String::new, |text| quoted(text))
        }
        Cells::OptionalDecimal(cells) => {
            cells.get(row).copied().flatten().map_or_else(String::new, decimal_usd)
        }
        Cells::Whole(cells) => number(cells).to_string(),
        Cells::Decimal(cells) => decimal_usd(number(cells)),
        Cells::Time(cells) => time(number(cells)),
    }
}

/// To the second, as finance tools expect it.
fn time(us: i64) -> String {
    let at = Timestamp::from_second(us.div_euclid(1_000_000)).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{at}");
    text
}

/// A field that a spreadsheet would take for a formula is text of ours, never of a requester: only
/// tags and names come from outside, and tags stand inside a JSON object.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_have_to_be_and_amounts_are_exact() {
        let columns = [
            Column::text("a", [Some("x,\"y\"".to_owned()), None]),
            Column::new("b", Cells::Decimal(vec![-1, 1_500_000_000])),
            Column::new("c", Cells::Time(vec![0, 1_764_028_800_000_000])),
        ];
        let expected = "a,b,c\r\n\"x,\"\"y\"\"\",-0.000000001,1970-01-01T00:00:00Z\r\n,1.500000000,2025-11-25T00:00:00Z\r\n";
        assert_eq!(write_csv(&columns), expected);
    }
}
