//! The runtime of a process that serves or proves for months: what it takes of memory stays the same.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// Threads that may wait for a disk or compute at once. More would stand in line for the same disk,
/// and keep the stacks that they once had.
const BLOCKING_THREADS_MAX: usize = 64;

/// A runtime whose tasks share the processor's cores. Call it before there are other threads.
///
/// # Errors
/// The system grants no threads.
pub fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    bound_arenas(cores);
    Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build()
}

/// Has all threads share one arena of the C library's heap for each core. There would be eight, each
/// of which keeps the most that its threads ever had: with proofs on changing threads, hundreds of
/// megabytes that nobody uses.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library's heap is set by a call")]
fn bound_arenas(arenas: usize) {
    let arenas = libc::c_int::try_from(arenas).unwrap_or(libc::c_int::MAX);
    // SAFETY: The call takes two numbers, and refuses what it does not know.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
}

/// Other heaps have no such bound.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn bound_arenas(_arenas: usize) {}
