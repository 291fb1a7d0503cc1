#![no_main]

zkpool_fuzz_targets::target!("close_month");
