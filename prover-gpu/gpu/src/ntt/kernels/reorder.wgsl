// Between natural and bit-reversed order. The element of natural index i is multiplied by the
// first factor, and by factor b + 1 where bit b of i is set, of as many factors as there are.

fn run(t: u32) {
  // In two steps, since none may shift by 32.
  let reversed = (reverseBits(t) >> 1u) >> (31u - parameters.log2);
  let natural = select(t, reversed, parameters.is_source_natural != 0u);
  var x = load_source(reversed);
  for (var i = 0u; i < parameters.factors; i++) {
    if (i == 0u || ((natural >> (i - 1u)) & 1u) != 0u) { x = fp_mul_1(x, load_factors(i)); }
  }
  // Below 2 p, as every element and every product.
  store_reordered(t, fp_reduce_1(x));
}
