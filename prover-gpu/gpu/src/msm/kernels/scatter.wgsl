// Writes each entry to its place among those of its bucket. Counters hold where the next entry
// of a bucket goes.
fn visit(key: u32, entry: u32) {
  let place = atomicAdd(&counters[key], 1u);
  entries[place] = vec2<u32>(key, entry);
}
