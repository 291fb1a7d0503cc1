//! Tables to Parquet.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::{Cells, Column, TableError};

/// The table as a Parquet file of one row group. Amounts are exact: `DECIMAL(18, 9)`.
pub(crate) fn write_parquet(columns: &[Column]) -> Result<Vec<u8>, TableError> {
    let schema = Arc::new(parse_message_type(&message(columns))?);
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = writer.next_row_group()?;
    for column in columns {
        let missing = || TableError::Column(column.name.clone());
        let mut cells = group.next_column()?.ok_or_else(missing)?;
        write_cells(&mut cells, &column.cells)?;
        cells.close()?;
    }
    group.close()?;
    Ok(writer.into_inner()?)
}

fn message(columns: &[Column]) -> String {
    let fields: String = columns.iter().map(field).collect();
    format!("message table {{ {fields} }}")
}

fn field(column: &Column) -> String {
    let name = &column.name;
    match &column.cells {
        Cells::Text(_) => format!("optional binary {name} (STRING);"),
        Cells::Whole(_) => format!("required int64 {name};"),
        Cells::Decimal(_) => format!("required int64 {name} (DECIMAL(18,9));"),
        Cells::OptionalDecimal(_) => format!("optional int64 {name} (DECIMAL(18,9));"),
        Cells::Time(_) => format!("required int64 {name} (TIMESTAMP(MICROS,true));"),
    }
}

fn write_cells(writer: &mut SerializedColumnWriter<'_>, cells: &Cells) -> Result<(), TableError> {
    match cells {
        Cells::Text(cells) => {
            let present: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
            let values: Vec<_> =
                cells.iter().flatten().map(|text| ByteArray::from(text.as_str())).collect();
            writer.typed::<ByteArrayType>().write_batch(&values, Some(&present), None)?;
        }
        Cells::OptionalDecimal(cells) => {
            let present: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
            let values: Vec<_> = cells.iter().flatten().copied().collect();
            writer.typed::<Int64Type>().write_batch(&values, Some(&present), None)?;
        }
        Cells::Whole(cells) | Cells::Decimal(cells) | Cells::Time(cells) => {
            writer.typed::<Int64Type>().write_batch(cells, None, None)?;
        }
    }
    Ok(())
}
