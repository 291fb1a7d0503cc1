// One level of the weighted sum of the buckets. Each thread takes `length` points v_0, v_1, ...
// and leaves their sum and the sum of (j + offset) v_j, where offset is 0 or 1. Running sums from
// the end give both with two additions a point.

fn run(t: u32) {
  var sum = infinity();
  var weighted = infinity();
  let length = parameters.length;
  for (var step = 0u; step < 2u * length; step++) {
    // The sum before the addition weighs a point by j, the one after it by j + 1.
    let to_sum = (step & 1u) != parameters.offset;
    var a = weighted;
    var b = sum;
    if (to_sum) {
      a = sum;
      b = load_points(t * length + length - 1u - (step >> 1u));
    }
    let result = add(a, b);
    if (to_sum) { sum = result; } else { weighted = result; }
  }
  store_sums(t, sum);
  store_weighted(t, weighted);
}
