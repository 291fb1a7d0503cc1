#![no_main]

zkpool_fuzz_targets::target!("amazon_trace");
