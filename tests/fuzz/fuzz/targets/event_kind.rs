#![no_main]

zkpool_fuzz_targets::target!("event_kind");
