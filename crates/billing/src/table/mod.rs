//! Tables of named columns, as Parquet and as CSV.

mod csv;
mod read;
mod text;
mod write;

pub(crate) use csv::write_csv;
pub(crate) use read::Columns;
pub use text::parquet_of;
pub(crate) use write::write_parquet;

/// The cells of a column, all of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Text, or nothing.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Exact decimals with nine places, in units of the ninth.
    Decimal(Vec<i64>),
    /// The same, or nothing.
    OptionalDecimal(Vec<Option<i64>>),
    /// Points in time, in microseconds since 1970 in UTC.
    Time(Vec<i64>),
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) cells: Cells,
}

impl Column {
    pub(crate) fn new(name: impl Into<String>, cells: Cells) -> Self {
        Self { name: name.into(), cells }
    }

    /// A column of text with a value in each row.
    pub(crate) fn text(
        name: impl Into<String>,
        values: impl IntoIterator<Item = Option<String>>,
    ) -> Self {
        Self::new(name, Cells::Text(values.into_iter().collect()))
    }

    fn len(&self) -> usize {
        match &self.cells {
            Cells::Text(cells) => cells.len(),
            Cells::OptionalDecimal(cells) => cells.len(),
            Cells::Whole(cells) | Cells::Decimal(cells) | Cells::Time(cells) => cells.len(),
        }
    }
}

/// Why a table cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Not a Parquet file, or not one of ours.
    #[error("a table cannot be read or written: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A column is missing or of another type.
    #[error("expected a column {0} of its type, found none")]
    Column(String),
    /// A cell holds what no writer of ours puts there.
    #[error("expected a value of column {column}, found {found:?}")]
    Cell {
        /// The column.
        column: &'static str,
        /// The cell's text.
        found: String,
    },
}
