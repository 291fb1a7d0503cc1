// Entries sorted by key are cut into segments of equal length, one for each thread, wherever runs
// of equal keys begin and end. A run that lies in one segment is a whole bucket. Of a run that is
// cut, each thread leaves a partial sum: in its first slot if the run began before the segment
// (HEAD), else in its second. CONT tells that the run goes on in the next segment. The slots in
// order are again entries sorted by key, so that the same walk over them joins what was cut.
const EMPTY = 0xffffffffu;
const HEAD = 0x80000000u;
const CONT = 0x40000000u;
const KEY = 0x3fffffffu;

fn leave(slot: u32, key: u32, sum: Xyzz) {
  store_partials(slot, sum);
  partial_keys[slot] = key;
}

// Hands on the sum of a run whose flags are `flags`.
fn finish(t: u32, key: u32, flags: u32, sum: Xyzz) {
  if ((flags & HEAD) != 0u) {
    leave(2u * t, key | flags, sum);
  } else if (flags != 0u) {
    leave(2u * t + 1u, key | flags, sum);
  } else {
    store_buckets(key, sum);
  }
}
