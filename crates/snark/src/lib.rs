//! Proof systems over multi-scalar multiplication and number-theoretic transform engines.
