// Some stages of number-theoretic transforms. Each workgroup takes a block of 2^(rows + columns)
// elements into its memory, where no stage of the pass couples it with another block.
//
// The rows of a block are 2^stride elements apart and its columns are neighbours; a stage couples
// rows. Stages below `rows` interpolate, from natural to bit-reversed order, and those from there
// on evaluate, from bit-reversed to natural order. A pass that does both multiplies by the shifts
// in between.
//
// Elements are below 2 p in memory. Butterflies add a product below 2 p or subtract it from 2 p,
// so that values grow by 2 p a stage and are not reduced before the last.

// Flags.
const PRODUCT = 1u;
const QUOTIENT = 2u;
const CANONICAL = 4u;

fn position(group: u32, j: u32) -> u32 {
  let columns = parameters.columns;
  let low_bits = parameters.stride - columns;
  let low = ((group & ((1u << low_bits) - 1u)) << columns) | (j & ((1u << columns) - 1u));
  let row = ((group >> low_bits) << parameters.rows) | (j >> columns);
  return (row << parameters.stride) | low;
}

// The values of A, B or C. Those of C are the products of the others', at first.
fn fetch(at: u32, part: u32) -> Fp {
  let n = 1u << parameters.log2;
  var x = load_values(part * n + at);
  if (part == 2u && (parameters.flags & PRODUCT) != 0u) {
    x = fp_mul_1(load_values(at), load_values(n + at));
  }
  return x;
}

// Leaves a value where it was, or its contribution to A B - C.
fn leave(at: u32, part: u32, value: Fp) {
  var x = fit(value);
  if ((parameters.flags & QUOTIENT) == 0u) {
    if ((parameters.flags & CANONICAL) != 0u) { x = fp_reduce_1(x); }
    store_values((part << parameters.log2) + at, x);
    return;
  }
  if (part == 1u) { x = fp_mul_1(load_plain(at), x); }
  if (part == 2u) { x = fp_reduce_1(fp_mul_1(subtract(load_plain(at), x), fp_plain())); }
  store_plain(at, x);
}

fn butterfly(group: u32, t: u32, stage: u32) {
  let rows = parameters.rows;
  let n = 1u << parameters.log2;
  let interpolates = stage < rows;
  let row_bit = select(stage - rows, rows - 1u - stage, interpolates);
  let bit = parameters.columns + row_bit;
  let low = ((t >> bit) << (bit + 1u)) | (t & ((1u << bit) - 1u));
  let high = low | (1u << bit);
  let at = position(group, low);
  var x = take(low);
  var y = take(high);
  // Those that a butterfly couples are 2^level apart. Interpolation begins and evaluation ends
  // with the highest level.
  let level = parameters.stride + row_bit;
  var twiddle = (1u << level) + (at & ((1u << level) - 1u));
  // The first stage of either has no twiddle but 1.
  var multiplies = level != 0u;
  if (interpolates) {
    twiddle = n + (at >> (level + 1u));
    multiplies = level + 1u != parameters.log2;
  }
  if (stage == rows && parameters.begin < rows) {
    let shifts = n + (n >> 1u) + at;
    x = fp_mul_1(x, load_table(shifts));
    twiddle = shifts + 1u;
    multiplies = true;
  }
  if (multiplies) { y = fp_mul_1(y, load_table(twiddle)); }
  put(low, add(x, y));
  put(high, subtract(x, y));
}

fn run(group: u32, local: u32) {
  let elements = 1u << (parameters.rows + parameters.columns);
  for (var step = 0u; step < parameters.parts; step++) {
    let part = (parameters.start + step) % 3u;
    for (var j = local; j < elements; j += WORKGROUP) { put(j, fetch(position(group, j), part)); }
    for (var stage = parameters.begin; stage < parameters.end; stage++) {
      workgroupBarrier();
      if (local < (elements >> 1u)) { butterfly(group, local, stage); }
    }
    workgroupBarrier();
    // The invocation that takes an element out is the one that puts its successor there.
    for (var j = local; j < elements; j += WORKGROUP) { leave(position(group, j), part, take(j)); }
  }
}
