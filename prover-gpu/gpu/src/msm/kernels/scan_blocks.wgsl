// Replaces the counters of each block of 1024 by the sum of those before them in the block, and
// tells the block's sum.
var<workgroup> sums: array<u32, 256>;

fn run(group: u32, local: u32) {
  let first = group * 1024u + local * 4u;
  var values = array<u32, 4>(0u, 0u, 0u, 0u);
  var own = 0u;
  for (var j = 0u; j < 4u; j++) {
    if (first + j < parameters.count) { values[j] = counters[first + j]; }
    own += values[j];
  }
  sums[local] = own;
  workgroupBarrier();
  for (var distance = 1u; distance < 256u; distance <<= 1u) {
    var before = 0u;
    if (local >= distance) { before = sums[local - distance]; }
    workgroupBarrier();
    sums[local] += before;
    workgroupBarrier();
  }
  var running = sums[local] - own;
  for (var j = 0u; j < 4u; j++) {
    if (first + j < parameters.count) { counters[first + j] = running; }
    running += values[j];
  }
  if (local == 255u) { blocks[group] = running; }
}
