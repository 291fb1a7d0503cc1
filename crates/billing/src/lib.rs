//! What surrounds receipts: quotes before them, budgets over them, and how proofs went.
//!
//! Nothing here takes part in a job. A *quote* is a price that holds until it expires; an *agreed
//! price* is one that a job was accepted with, and is what its receipt charges. A *budget* bounds
//! what a project commits itself to in a month: *charged* or *reserved* for a job that is open.

pub mod budgets;
pub mod performance;
pub mod quotes;

pub use budgets::{BudgetError, Budgets};
pub use performance::Performance;
pub use quotes::{QuoteError, Quotes};
