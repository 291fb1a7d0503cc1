//! What a generator finds of its host: four functions that take reports.

use std::fmt;

use wasmi::errors::HostError;
use wasmi::{Caller, Engine, Error, Linker, StoreLimits, TypedFunc};

use crate::error::Exception;
use crate::interface::IMPORT_MODULE;

/// Reports of places that are read; circuits nest less deeply.
const REPORTS_MAX: usize = 16;

/// Longest report that is read, in characters.
const REPORT_CHARS_MAX: usize = 256;

/// Instructions for reading one report, which a run does not pay for.
const REPORT_FUEL: u64 = 100_000;

/// Longest name of a template that is kept, in characters.
const TEMPLATE_CHARS_MAX: usize = 80;

/// A line of a circuit's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The template, with the number that circom gives its instances.
    pub template: String,
    /// The line in the template's file.
    pub line: u32,
}

impl Place {
    /// The place that a report names, `Error in template NAME line: LINE`. Whatever else a module
    /// says may be made of its inputs, and is not passed on.
    fn of_report(report: &str) -> Option<Self> {
        let (template, line) = report.strip_prefix("Error in template ")?.split_once(" line: ")?;
        let is_name = (1..=TEMPLATE_CHARS_MAX).contains(&template.len())
            && !template.starts_with(|first: char| first.is_ascii_digit())
            && template.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let template = is_name.then(|| template.to_owned())?;
        Some(Self { template, line: line.trim_end().parse().ok()? })
    }
}

/// The state of one run outside the module.
pub(crate) struct Host {
    pub(crate) limits: StoreLimits,
    pub(crate) exception: Option<Exception>,
    pub(crate) places: Vec<Place>,
    reports: usize,
}

impl Host {
    pub(crate) fn new(limits: StoreLimits) -> Self {
        Self { limits, exception: None, places: Vec::new(), reports: 0 }
    }
}

/// Ends the run in which a module reported an error.
#[derive(Debug)]
struct Reported;

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the module reported an error")
    }
}

impl HostError for Reported {}

/// Everything that a module may import. What it prints is not looked at.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Host>, Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(IMPORT_MODULE, "exceptionHandler", raise)?;
    linker.func_wrap(IMPORT_MODULE, "printErrorMessage", note_place)?;
    linker.func_wrap(IMPORT_MODULE, "writeBufferMessage", || {})?;
    linker.func_wrap(IMPORT_MODULE, "showSharedRWMemory", || {})?;
    Ok(linker)
}

fn raise(mut caller: Caller<'_, Host>, code: i32) -> Result<(), Error> {
    caller.data_mut().exception = Some(Exception::of_code(code));
    Err(Error::host(Reported))
}

/// Reads where an error is. A report that cannot be read is none.
fn note_place(mut caller: Caller<'_, Host>) {
    let host = caller.data_mut();
    host.reports += 1;
    if host.reports > REPORTS_MAX {
        return;
    }
    let place = report(&mut caller).as_deref().and_then(Place::of_report);
    caller.data_mut().places.extend(place);
}

fn report(caller: &mut Caller<'_, Host>) -> Option<String> {
    let next = caller.get_export("getMessageChar")?.into_func()?;
    let next: TypedFunc<(), i32> = next.typed(&*caller).ok()?;
    let left = caller.get_fuel().ok()?;
    caller.set_fuel(REPORT_FUEL).ok()?;
    let mut report = String::new();
    while let Ok(character) = next.call(&mut *caller, ()) {
        let character = u8::try_from(character).ok().filter(u8::is_ascii);
        match character {
            Some(byte @ 1..) if report.len() < REPORT_CHARS_MAX => report.push(char::from(byte)),
            _ => break,
        }
    }
    caller.set_fuel(left).ok()?;
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_template_and_a_line_or_nothing() {
        let place = Place::of_report("Error in template Num2Bits_3 line: 38\n").unwrap();
        assert_eq!((place.template.as_str(), place.line), ("Num2Bits_3", 38));
        for other in [
            "",
            "the secret is 31337",
            "Error in template 31337 line: 1",
            "Error in template a b line: 1",
            "Error in template A line: 31337000000",
            "Error in template A line: 1 and 31337",
        ] {
            assert_eq!(Place::of_report(other), None, "{other}");
        }
    }
}
