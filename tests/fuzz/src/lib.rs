//! Every kind of input that comes from outside, and the laws that reading it has to keep.
//!
//! A [`Target`] is one kind of input: a file, a body of the API, a whole request, a message, a text
//! with a form of its own. It reads bytes the way the product does and says whether they were
//! *accepted* or *refused*; [`Trial`] holds that to the laws:
//!
//! 1. Nothing panics.
//! 2. Reading takes no more heap than twice the input and a megabyte ([`heap_bytes_max`]).
//! 3. What was accepted is written back as it was, or reads back as the same value where there is
//!    more than one spelling of it.
//! 4. What a caller of the API or a reader of files is told of a refusal is of bounded length,
//!    however much of the input it repeats.
//!
//! Inputs come from [`Corpus`], files that are kept in the repository; from [`mutate`], which knows
//! how files, JSON and requests are built and changes one thing or a few by a seed; and from
//! libFuzzer, whose targets in `fuzz/` call the same functions.
//!
//! Everything below is the product's own code. Nothing here does I/O but for the corpus. Prepared keys
//! are no target: they come from the same machine, and their checksum finds damage alone.

mod bodies;
mod campaign;
mod corpus;
mod documents;
mod files;
mod messages;
pub mod mutate;
mod receipts;
mod requests;
mod target;
mod texts;
mod world;

pub use campaign::{Breached, Campaign, Report, Row};
pub use corpus::{Corpus, CorpusError};
pub use requests::parse as parse_request;
pub use target::{Breach, End, Format, Held, Meter, Target, Trial, Verdict, heap_bytes_max};
pub use world::{Answer, Names, World};

/// Every target, by format.
pub const TARGETS: &[&[Target]] = &[
    files::TARGETS,
    documents::TARGETS,
    receipts::TARGETS,
    bodies::TARGETS,
    messages::TARGETS,
    texts::TARGETS,
    requests::TARGETS,
];

/// Every target.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().flat_map(|targets| targets.iter())
}

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    targets().find(|target| target.name == name)
}
