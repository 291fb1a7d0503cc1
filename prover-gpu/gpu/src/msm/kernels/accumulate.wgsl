// Sums the points of each bucket, a segment of entries in each thread.

fn signed_point(entry: u32) -> Affine {
  let point = load_table(entry & 0x7fffffffu);
  if ((entry >> 31u) == 0u) { return point; }
  return negate_affine(point);
}

fn run(t: u32) {
  partial_keys[2u * t] = EMPTY;
  partial_keys[2u * t + 1u] = EMPTY;
  let count = total[0];
  let first = t * parameters.segment;
  if (first >= count) { return; }
  let end = min(first + parameters.segment, count);
  var entry = entries[first];
  var key = entry.x;
  var flags = 0u;
  if (first > 0u) { flags = select(0u, HEAD, entries[first - 1u].x == key); }
  var sum = from_affine(signed_point(entry.y));
  for (var i = first + 1u; i < end; i++) {
    entry = entries[i];
    let point = signed_point(entry.y);
    if (entry.x == key) {
      sum = add_affine(sum, point);
    } else {
      finish(t, key, flags, sum);
      flags = 0u;
      key = entry.x;
      sum = from_affine(point);
    }
  }
  if (end < count) { flags |= select(0u, CONT, entries[end].x == key); }
  finish(t, key, flags, sum);
}
