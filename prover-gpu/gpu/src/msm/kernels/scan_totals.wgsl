// Replaces the sums of the blocks by the sum of those before them, and tells the sum of all. One
// workgroup does it, 256 blocks at a time.
var<workgroup> sums: array<u32, 256>;

fn run(group: u32, local: u32) {
  var base = 0u;
  for (var first = 0u; first < parameters.count; first += 256u) {
    let block = first + local;
    var own = 0u;
    if (block < parameters.count) { own = blocks[block]; }
    sums[local] = own;
    workgroupBarrier();
    for (var distance = 1u; distance < 256u; distance <<= 1u) {
      var before = 0u;
      if (local >= distance) { before = sums[local - distance]; }
      workgroupBarrier();
      sums[local] += before;
      workgroupBarrier();
    }
    if (block < parameters.count) { blocks[block] = base + sums[local] - own; }
    base += sums[255];
    workgroupBarrier();
  }
  if (local == 0u) { total[0] = base; }
}
