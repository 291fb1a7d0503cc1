#![no_main]

zkpool_fuzz_targets::target!("delivery_state");
