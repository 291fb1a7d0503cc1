//! Targets, and the laws that a trial of one holds it to.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use zkpool_heap::Growth;

/// Heap that reading may take whatever the size of the input, in bytes.
const HEAP_BYTES_FREE: usize = 1 << 20;

/// Longest text of a refusal, in characters. A refusal may repeat a little of what it refuses.
pub(crate) const REFUSAL_CHARS_MAX: usize = 1000;

/// Heap that reading an input of so many bytes may take, in bytes.
#[must_use]
pub const fn heap_bytes_max(input: usize) -> usize {
    2 * input + HEAP_BYTES_FREE
}

/// How inputs are built, which is how they are mutated and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A proving key in sections.
    Zkey,
    /// A witness in sections.
    Wtns,
    /// A constraint system in sections.
    R1cs,
    /// JSON.
    Json,
    /// A module of WebAssembly.
    Wasm,
    /// A line of text.
    Text,
    /// A request of HTTP.
    Request,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Zkey, Self::Wtns, Self::R1cs, Self::Json, Self::Wasm, Self::Text, Self::Request];

    /// The format as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zkey => "zkey",
            Self::Wtns => "wtns",
            Self::R1cs => "r1cs",
            Self::Json => "json",
            Self::Wasm => "wasm",
            Self::Text => "text",
            Self::Request => "request",
        }
    }
}

/// Whether an input was taken for what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Accepted,
    /// It was not.
    Refused,
}

/// How an input broke a law, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Breach(String);

impl Breach {
    /// The breach that these words describe.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

/// What reading one input comes to.
pub type Held = Result<Verdict, Breach>;

/// Measures the product, and not what compares its results.
#[derive(Debug, Default)]
pub struct Meter {
    heap_bytes: usize,
}

impl Meter {
    /// Does the product's part of reading an input.
    pub fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let growth = Growth::begin();
        let result = work();
        self.heap_bytes = self.heap_bytes.max(growth.peak());
        result
    }
}

/// One kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its corpus and of its libFuzzer target.
    pub name: &'static str,
    /// How its inputs are built.
    pub format: Format,
    /// Reads an input as the product does, on the meter, and sees to it that what was accepted is
    /// written back.
    pub read: fn(&[u8], &mut Meter) -> Held,
}

impl Target {
    /// Reads `input` and holds that to every law.
    #[must_use]
    pub fn try_on(&self, input: &[u8]) -> Trial {
        let mut meter = Meter::default();
        let read = catch_unwind(AssertUnwindSafe(|| (self.read)(input, &mut meter)));
        let Meter { heap_bytes } = meter;
        let end = match read {
            Err(panic) => End::Panicked(message(panic.as_ref())),
            Ok(Err(Breach(text))) => End::Broken(text),
            Ok(Ok(_)) if heap_bytes > heap_bytes_max(input.len()) => End::Broken(format!(
                "expected at most {} bytes of heap for {} of input, found {heap_bytes}",
                heap_bytes_max(input.len()),
                input.len(),
            )),
            Ok(Ok(verdict)) => End::Held(verdict),
        };
        Trial { end, heap_bytes, input_bytes: input.len() }
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
        .to_owned()
}

/// What became of an input, and of the laws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every law was kept.
    Held(Verdict),
    /// A law was broken.
    Broken(String),
    /// Something panicked.
    Panicked(String),
}

/// One input of a target, read.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What became of it.
    pub end: End,
    /// The most heap that reading it took, in bytes.
    pub heap_bytes: usize,
    /// Its length.
    pub input_bytes: usize,
}

impl Trial {
    /// The most heap it took as a share of what it might take; more than 1 breaks the law.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share for people to read")]
    pub fn heap_ratio(&self) -> f64 {
        self.heap_bytes as f64 / heap_bytes_max(self.input_bytes) as f64
    }

    /// What broke a law, if anything did.
    #[must_use]
    pub fn breach(&self) -> Option<String> {
        match &self.end {
            End::Held(_) => None,
            End::Broken(text) => Some(text.clone()),
            End::Panicked(text) => Some(format!("a panic: {text}")),
        }
    }

    /// Panics where a law was broken, which is how libFuzzer and tests are told.
    ///
    /// # Panics
    /// Always where a law was broken, and never else.
    #[allow(clippy::panic, reason = "it is what this is for")]
    pub fn expect_held(&self) {
        if let Some(breach) = self.breach() {
            panic!("{breach}");
        }
    }
}

/// A refusal, which may not be long.
pub(crate) fn refused(error: &dyn std::error::Error) -> Held {
    refused_in(&error.to_string())
}

/// The words of a refusal, which may not be many.
pub(crate) fn refused_in(text: &str) -> Held {
    match text.chars().count() {
        0..=REFUSAL_CHARS_MAX => Ok(Verdict::Refused),
        found => Err(Breach::new(format!(
            "expected a refusal of at most {REFUSAL_CHARS_MAX} characters, found {found}"
        ))),
    }
}

/// An input that was accepted and has to be written back as it was.
pub(crate) fn accepted_as(written: &[u8], read: &[u8]) -> Held {
    if written == read {
        return Ok(Verdict::Accepted);
    }
    let (expected, found) = (read.len(), written.len());
    Err(Breach::new(format!(
        "expected what was accepted to be written back as it was: {expected} bytes read, {found} \
         written"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(read: fn(&[u8], &mut Meter) -> Held) -> Trial {
        Target { name: "test", format: Format::Text, read }.try_on(b"input")
    }

    #[test]
    fn a_panic_is_a_breach() {
        let trial = trial(|input, _| panic!("at {}", input.len()));
        assert_eq!(trial.end, End::Panicked("at 5".to_owned()));
        assert!(trial.breach().is_some());
    }

    #[test]
    fn another_text_written_back_and_a_long_refusal_are_breaches() {
        assert!(accepted_as(b"ab", b"a").is_err());
        assert!(refused(&Breach::new("x".repeat(REFUSAL_CHARS_MAX + 1))).is_err());
        assert_eq!(refused(&Breach::new("short")), Ok(Verdict::Refused));
    }
}
