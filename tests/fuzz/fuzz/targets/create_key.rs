#![no_main]

zkpool_fuzz_targets::target!("create_key");
