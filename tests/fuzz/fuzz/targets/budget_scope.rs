#![no_main]

zkpool_fuzz_targets::target!("budget_scope");
