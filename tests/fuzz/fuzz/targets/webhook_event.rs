#![no_main]

zkpool_fuzz_targets::target!("webhook_event");
