//! What a command writes: one report, as text for people or as one JSON value for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::{CliError, Exit};

/// The result of a command in both forms, and the exit code it stands for.
#[derive(Debug)]
pub(crate) struct Report {
    exit: Exit,
    json: Value,
    text: Vec<u8>,
}

impl Report {
    /// A report that says what was asked holds.
    pub(crate) fn new(json: &impl Serialize, text: impl Into<String>) -> Result<Self, CliError> {
        let json = serde_json::to_value(json)
            .map_err(|error| CliError::Fault(format!("a report cannot be written: {error}")))?;
        Ok(Self { exit: Exit::Ok, json, text: text.into().into_bytes() })
    }

    /// A file as a server sent it, which has no other form.
    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        let json = json!({ "bytes": body.len() });
        Self { exit: Exit::Ok, json, text: body }
    }

    /// What is printed where no JSON is asked for.
    pub(crate) fn body(&self) -> &[u8] {
        &self.text
    }

    /// The same report with the answer no, unless `holds`.
    #[must_use]
    pub(crate) fn holds(mut self, holds: bool) -> Self {
        self.exit = if holds { Exit::Ok } else { Exit::No };
        self
    }
}

/// Writes how the command ended and returns the exit code.
///
/// Reports go to standard output. Errors go to standard error as one line, or with `as_json` to
/// standard output, so that a program finds exactly one JSON value there in every case.
pub(crate) fn finish(as_json: bool, ended: Result<Report, CliError>) -> Exit {
    match ended {
        Ok(report) if as_json => written(format!("{}\n", report.json).as_bytes(), report.exit),
        Ok(report) => written(&report.text, report.exit),
        Err(error) if as_json => {
            written(format!("{}\n", error_json(&error)).as_bytes(), error.exit())
        }
        Err(error) => {
            warn(&format!("{error}; {}", error.next()));
            error.exit()
        }
    }
}

/// Writes one line to standard output at once, for commands that go on after it.
pub(crate) fn line(text: &str) {
    written(format!("{text}\n").as_bytes(), Exit::Ok);
}

/// Writes one line for the person at the terminal to standard error.
pub(crate) fn warn(text: &str) {
    // Where standard error is gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "zkpool: {text}");
}

/// The JSON form of an error.
fn error_json(error: &CliError) -> Value {
    let next = error.next();
    json!({ "error": { "exit": error.exit() as u8, "message": error.to_string(), "next": next } })
}

/// Writes `text` and returns `exit`, or the exit code for an output that does not take it.
fn written(text: &[u8], exit: Exit) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => exit,
        // A reader such as `head` that has seen enough is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            warn(&format!("cannot write to standard output: {error}; redirect it elsewhere"));
            Exit::Local
        }
    }
}

/// Rows of text under headings, each column as wide as its widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text: two spaces between columns, numbers to the right.
    pub(crate) fn render(&self) -> String {
        let widths = self.widths();
        self.rows.iter().map(|row| render_row(row, &widths)).collect()
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }
}

/// One row, padded to the widths of its columns and without spaces at its end.
fn render_row(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| {
        let is_number = cell.trim_start_matches(['$', '-']).starts_with(|c: char| c.is_numeric())
            && cell.chars().all(|c| c.is_numeric() || "$-.%".contains(c));
        if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

/// Lines of `name: value`, the values in one column.
pub(crate) fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    pairs.iter().map(|(name, value)| format!("{:<width$} {value}\n", format!("{name}:"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_are_to_the_right() {
        let mut table = Table::new(&["job", "ms"]);
        table.row(vec!["a".into(), "7".into()]);
        table.row(vec!["long".into(), "1234".into()]);
        assert_eq!(table.render(), "job   ms\na        7\nlong  1234\n");
    }

    #[test]
    fn a_short_row_is_not_a_panic() {
        let mut table = Table::new(&["a", "b"]);
        table.row(vec!["x".into()]);
        assert_eq!(table.render(), "a  b\nx\n");
    }

    #[test]
    fn field_values_line_up() {
        let text = fields(&[("id", "1".into()), ("state", "queued".into())]);
        assert_eq!(text, "id:    1\nstate: queued\n");
    }

    #[test]
    fn a_report_that_does_not_hold_exits_with_one() {
        let report = Report::new(&"x", "x\n").unwrap();
        assert_eq!(report.holds(false).exit, Exit::No);
    }

    #[test]
    fn an_error_in_json_names_exit_code_and_next_step() {
        let value = error_json(&CliError::NoApiKey);
        assert_eq!(value["error"]["exit"], 4);
        assert!(value["error"]["next"].as_str().unwrap().contains("ZKPOOL_API_KEY"));
    }
}
