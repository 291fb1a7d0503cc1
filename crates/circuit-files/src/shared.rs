//! Numbers that are shared without copying them, in memory of their own or in a mapped file.

use std::ops::Range;
use std::sync::Arc;
use std::{fmt, io};

use bytemuck::Pod;
use memmap2::Mmap;

/// Alignment of points and of the sections of a mapped file in bytes: a line of the caches, and
/// the widest vector that a processor loads.
pub(crate) const ALIGNMENT: usize = 64;

/// A slice that is cheap to clone.
pub(crate) enum Shared<T> {
    /// Some elements of a vector.
    Owned(Arc<Vec<T>>, Range<usize>),
    /// All of a part of a file.
    Mapped(Arc<Mmap>),
}

impl<T: Pod> Shared<T> {
    /// The elements in a mapped part of a file.
    ///
    /// # Errors
    /// The part is not aligned for such elements or not a whole number of them.
    pub(crate) fn mapped(map: Mmap) -> io::Result<Self> {
        let cast: Result<&[T], _> = bytemuck::try_cast_slice(&map);
        match cast {
            Ok(_) => Ok(Self::Mapped(Arc::new(map))),
            Err(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// The elements.
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(numbers, range) => numbers.get(range.clone()).unwrap_or_default(),
            Self::Mapped(map) => bytemuck::try_cast_slice(map).unwrap_or_default(),
        }
    }
}

impl<T> From<Vec<T>> for Shared<T> {
    fn from(numbers: Vec<T>) -> Self {
        let range = 0..numbers.len();
        Self::Owned(Arc::new(numbers), range)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Owned(numbers, range) => Self::Owned(Arc::clone(numbers), range.clone()),
            Self::Mapped(map) => Self::Mapped(Arc::clone(map)),
        }
    }
}

impl<T: Pod> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({} elements)", self.as_slice().len())
    }
}

impl<T: Pod + PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Pod + Eq> Eq for Shared<T> {}

/// Numbers that are written once, the first of them at a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    /// A vector aligns to its elements only, so that it has up to a line more than is asked for.
    padded: Vec<T>,
    range: Range<usize>,
}

impl<T: Pod> Aligned<T> {
    /// As many zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let spare = ALIGNMENT / size_of::<T>();
        let padded = vec![T::zeroed(); len + spare];
        // The vector is never resized, so that it stays where it is.
        let start = padded.as_ptr().align_offset(ALIGNMENT).min(spare);
        Self { padded, range: start..start + len }
    }

    /// The numbers.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        self.padded.get_mut(self.range.clone()).unwrap_or_default()
    }
}

impl<T> From<Aligned<T>> for Shared<T> {
    fn from(Aligned { padded, range }: Aligned<T>) -> Self {
        Self::Owned(Arc::new(padded), range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_start_on_a_line_and_keep_their_values() {
        for len in [0, 1, 7, 8, 9, 1000] {
            let mut numbers = Aligned::<u64>::zeroed(len);
            for (number, value) in numbers.as_mut_slice().iter_mut().zip(1..) {
                *number = value;
            }
            let shared = Shared::from(numbers);
            assert_eq!(shared.as_slice().as_ptr().align_offset(ALIGNMENT), 0);
            assert!(shared.as_slice().iter().copied().eq(1..=len as u64));
            assert_eq!(shared.clone(), shared);
        }
    }
}
