#![no_main]

zkpool_fuzz_targets::target!("price_book");
