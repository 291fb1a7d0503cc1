//! The forms in which a command can print rows.

use clap::ValueEnum;
use serde::Serialize;
use zkpool_billing::parquet_of;

use crate::exit::CliError;
use crate::output::Report;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    #[default]
    Table,
    /// One JSON value
    Json,
    /// Comma-separated values with a heading (RFC 4180)
    Csv,
    /// Apache Parquet
    Parquet,
}

impl Format {
    /// A report of `value` in this form.
    pub(crate) fn report(
        self,
        value: &impl Serialize,
        table: impl FnOnce() -> String,
        rows: impl FnOnce() -> Vec<Vec<String>>,
    ) -> Result<Report, CliError> {
        let text = match self {
            Self::Table => table(),
            Self::Json => {
                let json = serde_json::to_string_pretty(value).map_err(CliError::internal)?;
                format!("{json}\n")
            }
            Self::Csv => csv(&rows()),
            Self::Parquet => {
                let file = parquet_of(&rows()).map_err(CliError::internal)?;
                return Ok(Report::bytes(file));
            }
        };
        Report::new(value, text)
    }
}

/// Rows as comma-separated values. A cell is quoted where it has to be.
fn csv(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().map(|cell| quoted(cell)).collect();
        format!("{}\r\n", cells.join(","))
    };
    rows.iter().map(line).collect()
}

/// A cell. One that a spreadsheet would take for a formula is kept as text.
fn quoted(cell: &str) -> String {
    let is_number = cell.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t']) && !is_number;
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let row = ["a", "b,c", "d\"e", "=1+1", "-1.5"].map(str::to_owned).to_vec();
        assert_eq!(csv(&[row]), "a,\"b,c\",\"d\"\"e\",'=1+1,-1.5\r\n");
    }
}
