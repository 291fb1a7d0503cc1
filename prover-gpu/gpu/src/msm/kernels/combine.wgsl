// Joins the partial sums of runs that were cut, a segment of slots in each thread.

fn run(t: u32) {
  partial_keys[2u * t] = EMPTY;
  partial_keys[2u * t + 1u] = EMPTY;
  let first = t * parameters.segment;
  let end = min(first + parameters.segment, parameters.slots);
  var key = EMPTY;
  var flags = 0u;
  var sum = infinity();
  for (var i = first; i < end; i++) {
    let slot_key = slot_keys[i];
    if (slot_key == EMPTY) { continue; }
    let point = load_slots(i);
    if ((slot_key & KEY) == key) {
      sum = add(sum, point);
      flags = (flags & HEAD) | (slot_key & CONT);
    } else {
      if (key != EMPTY) { finish(t, key, flags, sum); }
      key = slot_key & KEY;
      flags = slot_key & (HEAD | CONT);
      sum = point;
    }
  }
  if (key != EMPTY) { finish(t, key, flags, sum); }
}
