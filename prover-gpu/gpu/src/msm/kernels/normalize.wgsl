// Points in XYZZ coordinates, none at infinity, to affine ones. Each thread inverts the product
// of the ZZZ of `length` points, and keeps the products up to each in the place of its result.

fn run(t: u32) {
  let first = t * parameters.length;
  let end = min(first + parameters.length, parameters.count);
  let to = parameters.to;
  var product = element_one();
  for (var i = first; i < end; i++) {
    store_row(to + i, Affine(product, product));
    product = element_mul(product, load_multiples(i).zzz);
  }
  var inverse = element_invert(product);
  for (var i = end; i > first; i--) {
    let point = load_multiples(i - 1u);
    // 1 / ZZZ, and 1 / ZZ = (ZZ / ZZZ)^2, since both are powers of the same number.
    let over_zzz = element_mul(inverse, load_row(to + i - 1u).x);
    inverse = element_mul(inverse, point.zzz);
    let over_z = element_mul(over_zzz, point.zz);
    let x = element_mul(point.x, element_mul(over_z, over_z));
    store_row(to + i - 1u, Affine(x, element_mul(point.y, over_zzz)));
  }
}
