//! Price book, metering and receipts in integer nano-dollars.
