#![no_main]

zkpool_fuzz_targets::target!("set_publication");
