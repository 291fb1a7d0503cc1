// Signed digits of scalars. A scalar is the sum over windows w of digit_w 2^(bits w), each digit
// between -2^(bits-1) + 1 and 2^(bits-1). A key names a bucket: those of a set lie together, digit
// d in place d - 1.

const SCALAR_WORDS = 8u;

// Bits `offset` to `offset + bits` of the scalar at `position`; `bits` is below 32.
fn scalar_bits(position: u32, offset: u32, bits: u32) -> u32 {
  let word = offset >> 5u;
  let shift = offset & 31u;
  if (word >= SCALAR_WORDS) { return 0u; }
  let at = position * SCALAR_WORDS + word;
  var value = scalars[at] >> shift;
  if (shift + bits > 32u && word + 1u < SCALAR_WORDS) {
    value |= scalars[at + 1u] << (32u - shift);
  }
  return value & ((1u << bits) - 1u);
}

fn run(base: u32) {
  let position = positions[base];
  if (position >= parameters.scalars) { return; }
  let bits = parameters.bits;
  let half = 1u << (bits - 1u);
  var carry = 0u;
  var window = 0u;
  for (var row = 0u; row < parameters.rows; row++) {
    for (var bucket_set = 0u; bucket_set < parameters.sets; bucket_set++) {
      var digit = scalar_bits(position, window * bits, bits) + carry;
      window++;
      carry = 0u;
      var sign = 0u;
      if (digit > half) {
        digit = (1u << bits) - digit;
        carry = 1u;
        sign = 0x80000000u;
      }
      if (digit != 0u) { visit(bucket_set * half + digit - 1u, (row * parameters.bases + base) | sign); }
    }
  }
}
