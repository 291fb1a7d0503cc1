//! Multi-scalar multiplication by Pippenger's method.
//!
//! Scalars are cut into signed digits. A digit that is not zero is an entry: the bucket it names
//! and the multiple of a base that goes there. Entries are sorted by bucket by counting, and each
//! bucket's points are summed; equally long segments of the sorted entries go to the threads,
//! whatever the lengths of the buckets, so that no distribution of scalars is worse than another.
//! Of the buckets the weighted sum is taken level by level, and the host finishes the last few.
//!
//! The host knows none of the digits: the number of dispatches depends on the sizes alone, and a
//! multiplication waits for the device once.

mod bases;
mod finish;
mod kernels;
mod plan;
mod record;

pub(crate) use bases::{Bases, TableOptions};
pub(crate) use kernels::{CurveKernels, CurveSpec, SortKernels};
pub(crate) use record::{Multiplication, record};

#[cfg(test)]
mod tests;
