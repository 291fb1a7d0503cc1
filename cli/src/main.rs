//! The `zkpool` command.

fn main() {}
