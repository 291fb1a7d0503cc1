#![no_main]

zkpool_fuzz_targets::target!("dimension");
