//! How a multiplication is cut into windows, rows and segments.

use crate::error::GpuError;

/// 32-bit multiplications of an addition of an affine point, over BN254, in units of which costs
/// are counted: 8 multiplications, 2 squarings and one merged pair.
const ADD_AFFINE_COST: u64 = 1548;

/// The same of a general addition.
const ADD_COST: u64 = 2232;

/// Windows of more bits than this would have more buckets than entries for any set that fits.
const WINDOW_BITS_MAX: u32 = 22;

/// Windows of fewer bits do not pay.
const WINDOW_BITS_MIN: u32 = 3;

/// Bytes of an entry: its bucket, and which multiple of which base with which sign.
pub(super) const ENTRY_BYTES: u64 = 8;

/// Partial sums that a segment leaves at most.
pub(super) const PARTIALS_PER_SEGMENT: u64 = 2;

/// Threads among which entries are shared out, where there are enough: some for every lane of
/// the largest devices.
const SEGMENTS_WANTED: u64 = 1 << 18;

/// A thread that sums fewer entries leaves more to join than it has summed.
const SEGMENT_MIN: u64 = 16;

/// What a plan must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Memory for the multiples of the bases.
    pub(super) table_bytes_max: u64,
    /// Memory for one binding.
    pub(super) binding_bytes_max: u64,
    /// Windows of just so many bits, where someone says so.
    pub(super) window_bits: Option<u32>,
}

/// What is to be multiplied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Bases, without those at infinity.
    pub(super) bases: u32,
    pub(super) scalar_bits: u32,
    /// Bytes of an affine point on the device.
    pub(super) affine_bytes: u64,
    /// Bytes of a point in XYZZ coordinates on the device.
    pub(super) xyzz_bytes: u64,
}

/// A plan for all multiplications with a set of bases.
///
/// Windows are numbered from the lowest; window w has its multiples in row w / `sets` of the
/// table, 2^(`window_bits` `sets` row) times the bases, and its buckets in set w % `sets`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Plan {
    pub(super) bases: u32,
    pub(super) window_bits: u32,
    /// Multiples of each base that are kept, the base itself included.
    pub(super) rows: u32,
    /// Sets of buckets.
    pub(super) sets: u32,
    /// Entries that a thread sums.
    pub(super) segment: u32,
}

impl Plan {
    /// The plan that costs least within the limits.
    pub(super) fn new(shape: Shape, limits: &Limits) -> Result<Self, GpuError> {
        candidates(limits)
            .filter_map(|window_bits| Self::with_window(shape, limits, window_bits))
            .min_by_key(Self::cost)
            .ok_or_else(|| too_large(shape, limits))
    }

    /// As many rows as fit: each halves the sets of buckets, and costs nothing.
    fn with_window(shape: Shape, limits: &Limits, window_bits: u32) -> Option<Self> {
        // The highest digit must not carry, so that there is a bit more than the scalar has.
        let windows = (shape.scalar_bits + 1).div_ceil(window_bits);
        let row_bytes = u64::from(shape.bases) * shape.affine_bytes;
        let fits = |&sets: &u32| {
            let rows = u64::from(windows.div_ceil(sets));
            // A sole row has to fit into the device's memory, whatever the budget is.
            rows == 1 || rows * row_bytes <= limits.table_bytes_max
        };
        let sets = (1..=windows).find(fits)?;
        let rows = windows.div_ceil(sets);
        let entries = u64::from(shape.bases) * u64::from(rows * sets);
        let plan = Self { bases: shape.bases, window_bits, rows, sets, segment: 0 };
        let segment = plan.segment_for(shape, limits, entries)?;
        let fits = entries * ENTRY_BYTES <= limits.binding_bytes_max
            && u64::from(plan.buckets()) * shape.xyzz_bytes <= limits.binding_bytes_max;
        fits.then_some(Self { segment, ..plan })
    }

    /// The shortest segments that give no more threads than are wanted, and whose partial sums
    /// fit into a binding.
    fn segment_for(&self, shape: Shape, limits: &Limits, entries: u64) -> Option<u32> {
        let partials_max = limits.binding_bytes_max / shape.xyzz_bytes;
        let segments_max = (partials_max / PARTIALS_PER_SEGMENT).clamp(1, SEGMENTS_WANTED);
        let segment = entries.div_ceil(segments_max).max(SEGMENT_MIN);
        u32::try_from(segment).ok()
    }

    pub(super) const fn windows(&self) -> u32 {
        self.rows * self.sets
    }

    /// Entries there are at most.
    pub(super) const fn entries_max(&self) -> u64 {
        self.bases as u64 * self.windows() as u64
    }

    /// Buckets of a set: one for each positive digit.
    pub(super) const fn set_buckets(&self) -> u32 {
        1 << (self.window_bits - 1)
    }

    pub(super) const fn buckets(&self) -> u32 {
        self.sets * self.set_buckets()
    }

    /// Threads that sum entries.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) const fn segments(&self) -> u32 {
        // At most `SEGMENTS_WANTED` by construction.
        self.entries_max().div_ceil(self.segment as u64) as u32
    }

    /// Multiplications of words, for random scalars.
    fn cost(&self) -> u64 {
        self.entries_max() * ADD_AFFINE_COST + 2 * self.buckets() as u64 * ADD_COST
    }
}

/// The refusal of a multiplication whose largest buffer fits for no window.
fn too_large(shape: Shape, limits: &Limits) -> GpuError {
    let largest_buffer = |window_bits: u32| {
        let windows = (shape.scalar_bits + 1).div_ceil(window_bits);
        let entries = u64::from(shape.bases) * u64::from(windows) * ENTRY_BYTES;
        entries.max(shape.xyzz_bytes << (window_bits - 1))
    };
    let needed = candidates(limits).map(largest_buffer).min().unwrap_or(0);
    GpuError::TooLarge { what: "entries and buckets", needed, allowed: limits.binding_bytes_max }
}

fn candidates(limits: &Limits) -> impl Iterator<Item = u32> + use<> {
    let wanted = limits.window_bits;
    (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).filter(move |bits| wanted.is_none_or(|w| w == *bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn bn254_g1(log2: u32) -> Shape {
        Shape { bases: 1 << log2, scalar_bits: 254, affine_bytes: 64, xyzz_bytes: 128 }
    }

    fn limits(table_bytes_max: u64) -> Limits {
        Limits { table_bytes_max, binding_bytes_max: 2 * GIB - 1, window_bits: None }
    }

    #[test]
    fn with_memory_for_every_window_there_is_one_set_of_buckets() {
        let plan = Plan::new(bn254_g1(20), &limits(4 * GIB)).unwrap();
        assert_eq!((plan.sets, plan.rows * plan.window_bits >= 255), (1, true));
        assert!((16..=20).contains(&plan.window_bits), "{plan:?}");
    }

    #[test]
    fn without_memory_for_multiples_there_is_one_row() {
        let plan = Plan::new(bn254_g1(20), &limits(0)).unwrap();
        assert_eq!(plan.rows, 1);
        assert!(plan.sets * plan.window_bits >= 255);
    }

    #[test]
    fn some_memory_buys_some_rows() {
        let plan = Plan::new(bn254_g1(20), &limits(300 << 20)).unwrap();
        assert_eq!(plan.rows, 4);
        assert!(plan.windows() * plan.window_bits >= 255);
    }

    #[test]
    fn the_largest_sizes_fit_into_the_bindings_of_any_vulkan_device() {
        let plan = Plan::new(bn254_g1(24), &limits(16 * GIB)).unwrap();
        assert!(plan.entries_max() * ENTRY_BYTES < 2 * GIB);
        assert!(u64::from(plan.segments()) * PARTIALS_PER_SEGMENT * 128 < 2 * GIB);
    }

    #[test]
    fn what_cannot_fit_is_refused_with_its_size() {
        let limits = Limits { binding_bytes_max: 1 << 20, ..limits(GIB) };
        let error = Plan::new(bn254_g1(20), &limits).unwrap_err();
        let GpuError::TooLarge { needed, allowed: 1_048_576, .. } = error else {
            panic!("{error}");
        };
        // Windows of 20 bits: 13 entries for each base, and fewer bytes of buckets than that.
        assert_eq!(needed, (13 * 8) << 20);
    }

    #[test]
    fn a_single_base_has_a_plan() {
        let plan = Plan::new(bn254_g1(0), &limits(GIB)).unwrap();
        assert!(plan.segments() >= 1 && plan.buckets() >= 1);
    }
}
