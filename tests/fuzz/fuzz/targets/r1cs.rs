#![no_main]

zkpool_fuzz_targets::target!("r1cs");
