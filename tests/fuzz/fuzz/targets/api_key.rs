#![no_main]

zkpool_fuzz_targets::target!("api_key");
