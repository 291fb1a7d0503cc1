//! Columns of a Parquet file.

use std::collections::HashMap;

use bytes::Bytes;
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::TableError;

/// The columns that were asked for, whole. A file is one batch, so that memory is bounded.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    rows: usize,
    texts: HashMap<String, Vec<Option<ByteArray>>>,
    numbers: HashMap<String, Vec<i64>>,
}

impl Columns {
    /// Reads the columns of these names.
    pub(crate) fn read(file: Bytes, names: &[&str]) -> Result<Self, TableError> {
        let reader = SerializedFileReader::new(file)?;
        let mut columns = Self::default();
        for index in 0..reader.num_row_groups() {
            columns.append(reader.get_row_group(index)?.as_ref(), names)?;
        }
        Ok(columns)
    }

    /// Rows of the file.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Whether there is a column of this name, of those that were asked for.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.texts.contains_key(name) || self.numbers.contains_key(name)
    }

    /// A column of text.
    pub(crate) fn text(&self, name: &str) -> Result<&[Option<ByteArray>], TableError> {
        let column = self.texts.get(name).map(Vec::as_slice);
        column.filter(|cells| cells.len() == self.rows).ok_or_else(|| missing(name))
    }

    /// A column of numbers: whole ones, amounts or times.
    pub(crate) fn numbers(&self, name: &str) -> Result<&[i64], TableError> {
        let column = self.numbers.get(name).map(Vec::as_slice);
        column.filter(|cells| cells.len() == self.rows).ok_or_else(|| missing(name))
    }

    fn append(&mut self, group: &dyn RowGroupReader, names: &[&str]) -> Result<(), TableError> {
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        self.rows += rows;
        for index in 0..group.num_columns() {
            let name = group.metadata().column(index).column_descr().name().to_owned();
            if names.contains(&name.as_str()) {
                self.append_column(name, group.get_column_reader(index)?, rows)?;
            }
        }
        Ok(())
    }

    fn append_column(
        &mut self,
        name: String,
        reader: ColumnReader,
        rows: usize,
    ) -> Result<(), TableError> {
        match reader {
            ColumnReader::ByteArrayColumnReader(mut reader) => {
                let (mut present, mut values) = (Vec::new(), Vec::new());
                while present.len() < rows {
                    let left = rows - present.len();
                    if reader.read_records(left, Some(&mut present), None, &mut values)?.0 == 0 {
                        break;
                    }
                }
                let mut values = values.into_iter();
                let cells = present.iter().map(|present| (*present > 0).then(|| values.next()));
                self.texts.entry(name).or_default().extend(cells.map(Option::flatten));
            }
            ColumnReader::Int64ColumnReader(mut reader) => {
                let mut values = Vec::new();
                while values.len() < rows {
                    if reader.read_records(rows - values.len(), None, None, &mut values)?.0 == 0 {
                        break;
                    }
                }
                self.numbers.entry(name).or_default().extend(values);
            }
            _ => return Err(missing(&name)),
        }
        Ok(())
    }
}

fn missing(name: &str) -> TableError {
    TableError::Column(name.to_owned())
}
