//! Readers and writers for iden3 binaries and snarkjs JSON.
