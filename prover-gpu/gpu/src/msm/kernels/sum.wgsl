// The sum of `length` points in each thread.

fn run(t: u32) {
  var sum = infinity();
  for (var j = 0u; j < parameters.length; j++) {
    sum = add(sum, load_points(t * parameters.length + j));
  }
  store_sums(t, sum);
}
