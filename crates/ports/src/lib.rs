//! Storage, queue, time, ids and randomness as ports, with memory and local-disk implementations.
