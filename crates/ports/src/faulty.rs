//! Ports that fail as the real ones do, by a seed.
