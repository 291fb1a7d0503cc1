//! Price book, metering and receipts, in whole nano-dollars.
//!
//! This crate turns what was metered into what is charged, and does nothing else: it is pure,
//! does no I/O, reads no clock and uses no floating-point number, so that anyone can recompute a
//! charge from the receipt and the dated price book it names.
//!
//! A *price book* is a dated data file with the price of every class of device. A *receipt* is
//! made from the *usage* of one job; its lines sum exactly to the charge. Work that is not
//! charged (a failed, cancelled, expired or overtaken attempt) is metered all the same: its
//! lines stand at zero and its cost stands beside them as *waste*.
//!
//! **Rounding.** Every line is computed exactly in 128 bits and rounded once, half up, to a
//! whole nano-dollar. The charge is the sum of the rounded lines, so no difference hides between
//! them. An amount or quantity beyond 64 bits is an error and never wraps or saturates.

pub mod chain;
pub mod costs;
mod lines;
pub mod price_book;
pub mod quote;
pub mod receipt;
pub mod recompute;
mod rounding;

pub use price_book::{DevicePrice, PriceBook, PriceBookError, RequestCount};
pub use receipt::{ReceiptError, ReceiptInput, receipt};
pub use recompute::{ReceiptMismatch, recompute};
