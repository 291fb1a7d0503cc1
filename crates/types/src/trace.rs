//! Which call a piece of work belongs to, across processes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place in a trace, in the form of the header `traceparent` (W3C Trace Context, level 1,
/// section 3.2): version, trace id, span id, flags.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent(String);

/// The text is not a place in a trace.
#[derive(Debug, thiserror::Error)]
#[error("expected a traceparent of version 00, found {found:?}")]
pub struct InvalidTraceParent {
    found: String,
}

impl TraceParent {
    /// The trace id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.split('-').nth(1).unwrap_or_default()
    }

    /// Reads the header `X-Amzn-Trace-Id` of AWS, whose root and parent are the same ids in another
    /// spelling. One without a parent or with an old root is `None`.
    #[must_use]
    pub fn from_amazon(header: &str) -> Option<Self> {
        let field = |name: &str| {
            let fields = header.split(';').filter_map(|field| field.trim().split_once('='));
            fields.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let (epoch, unique) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        // API gateways send a root alone. Its last digits then stand for the span that has no id.
        let parent = field("Parent").or_else(|| unique.get(unique.len().checked_sub(16)?..))?;
        let sampled = if field("Sampled") == Some("1") { "01" } else { "00" };
        format!("00-{epoch}{unique}-{parent}-{sampled}").parse().ok()
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let parts: Vec<_> = text.split('-').take(5).collect();
        let is_id =
            |part: &str, digits: usize| is_hex(part, digits) && part.bytes().any(|b| b != b'0');
        match parts[..] {
            ["00", trace, span, flags]
                if is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidTraceParent { found: text.chars().take(80).collect() }),
        }
    }
}

/// Whether `part` is so many lower-case hexadecimal digits.
fn is_hex(part: &str, digits: usize) -> bool {
    part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl TryFrom<String> for TraceParent {
    type Error = InvalidTraceParent;

    fn try_from(text: String) -> Result<Self, InvalidTraceParent> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_reads_back_as_it_was_written() {
        let trace: TraceParent = TRACE.parse().unwrap();
        assert_eq!(trace.to_string(), TRACE);
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_is_no_traceparent_is_rejected() {
        let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let upper = TRACE.to_uppercase();
        let more = format!("{TRACE}-00");
        for bad in ["", "00", "01-ab", "\n", &zero_trace, &upper, &more, &TRACE[1..]] {
            assert!(bad.parse::<TraceParent>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn amazons_spelling_is_the_same_trace() {
        let root = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736";
        let with_parent = format!("{root};Parent=00f067aa0ba902b7;Sampled=1");
        assert_eq!(TraceParent::from_amazon(&with_parent), TRACE.parse().ok());
        let alone = TraceParent::from_amazon(root).unwrap();
        assert_eq!(alone.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in ["", "Root=2-4bf92f35-77b3", "Self=1", "Root=1-x-y", "Root=1-\u{e4}-\u{e4}"] {
            assert_eq!(TraceParent::from_amazon(bad), None, "{bad:?} was accepted");
        }
    }
}
