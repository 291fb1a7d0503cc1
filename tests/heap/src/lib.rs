//! How much heap a piece of work takes at most.
//!
//! Whatever links this crate allocates through its counter, so that it belongs to tests and to
//! programs that measure, and to nothing that is shipped. Memory that is mapped and not allocated,
//! and the stack, are not counted.
#![allow(unsafe_code, reason = "a counting allocator has to implement an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, with a count of the bytes that are allocated now.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A measurement that is going on. There is one heap, so that measurements do not overlap, and
/// what other threads allocate meanwhile counts too.
#[derive(Debug)]
pub struct Growth {
    before: usize,
}

impl Growth {
    /// Measures from here on.
    #[must_use]
    pub fn begin() -> Self {
        let before = NOW.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        Self { before }
    }

    /// Bytes by which the heap was larger at its largest than it was at the beginning.
    #[must_use]
    pub fn peak(&self) -> usize {
        PEAK.load(Ordering::Relaxed).saturating_sub(self.before)
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn what_was_freed_again_counts_and_what_was_there_before_does_not() {
        let there = black_box(vec![0u8; 3 << 20]);
        let growth = Growth::begin();
        drop(black_box(vec![0u8; 1 << 20]));
        let small = black_box(vec![0u8; 1 << 10]);
        let peak = growth.peak();
        assert!((1 << 20..2 << 20).contains(&peak), "{peak}");
        drop((there, small));
    }
}
