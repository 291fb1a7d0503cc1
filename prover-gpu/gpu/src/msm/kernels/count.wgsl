// How many entries each bucket has.
fn visit(key: u32, entry: u32) { atomicAdd(&counters[key], 1u); }
