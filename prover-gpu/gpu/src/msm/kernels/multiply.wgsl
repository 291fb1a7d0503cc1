// 2^`doublings` times each point.
fn run(t: u32) {
  var point = from_affine(load_row(parameters.start + t));
  for (var i = 0u; i < parameters.doublings; i++) { point = double(point); }
  store_multiples(t, point);
}
