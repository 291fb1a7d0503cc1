//! The prover: claims jobs, proves them and publishes proof and receipt.
