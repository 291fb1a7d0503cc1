#![no_main]

zkpool_fuzz_targets::target!("job_message");
