//! What a Solidity verifier is called with.
//!
//! The verifier contract that snarkjs exports has one function, `verifyProof(uint[2] a,
//! uint[2][2] b, uint[2] c, uint[n] input)`. Its arguments are written here as `snarkjs
//! generatecall` (`zkey export soliditycalldata`) prints them: each number 32 bytes in hexadecimal
//! digits, and of each coordinate of G2 the part with u first, which is the order of the
//! precompiled contracts of Ethereum (EIP-197) and the reverse of that of `proof.json`.

use ark_bn254::Bn254;
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, Field, PrimeField, Zero};
use zkpool_types::Curve;

use crate::any::AnyProof;
use crate::json::JsonError;
use crate::json::public::from_strings;

/// Why there is no call for a proof.
#[derive(Debug, thiserror::Error)]
pub enum CalldataError {
    /// The precompiled contracts that the verifier calls know one curve.
    #[error("expected a proof over {}, found one over {found}", Curve::Bn254)]
    Curve {
        /// The curve of the proof.
        found: Curve,
    },
    /// A public input is malformed.
    #[error(transparent)]
    Public(#[from] JsonError),
}

/// The arguments of `verifyProof` for a proof and its public inputs in decimal digits.
///
/// # Errors
/// The proof is not over BN254, or a public input is not canonical or not below r.
pub fn write(proof: &AnyProof, public_inputs: &[String]) -> Result<String, CalldataError> {
    let AnyProof::Bn254(proof) = proof else {
        return Err(CalldataError::Curve { found: proof.curve() });
    };
    let inputs = from_strings::<Bn254>(public_inputs)?.into_iter().map(word);
    let [a, c] = [proof.a, proof.c].map(|point| list(coordinates(&point).concat()));
    let b = coordinates(&proof.b).map(|mut parts| {
        parts.reverse();
        list(parts)
    });
    let inputs: Vec<_> = inputs.map(|input| format!("\"{input}\"")).collect();
    // snarkjs puts no spaces between public inputs.
    Ok(format!("{a},[{}],{c},[{}]", b.join(","), inputs.join(",")))
}

/// The words of both coordinates of a point, the part without u first. Those of the point at
/// infinity are zeros (EIP-196, EIP-197).
pub(crate) fn coordinates<P: AffineRepr>(point: &P) -> [Vec<String>; 2] {
    let (x, y) = point.xy().unwrap_or((P::BaseField::zero(), P::BaseField::zero()));
    [x, y].map(|coordinate| coordinate.to_base_prime_field_elements().map(word).collect())
}

/// A field element as 32 bytes in hexadecimal digits, the highest first.
fn word<F: PrimeField>(element: F) -> String {
    let digits = element.into_bigint().to_bytes_be();
    let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// Words in quotation marks and brackets.
fn list(words: Vec<String>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::proof;

    /// The largest scalar, r - 1.
    const LARGEST: &str =
        "21888242871839275222246405745257275088548364400416034343698204186575808495616";

    fn bn128(public: &[&str]) -> Result<String, CalldataError> {
        let text = include_bytes!("../../../tests/fixtures/bn128/proof.json");
        let public: Vec<_> = public.iter().map(|&input| input.to_owned()).collect();
        write(&proof::read(text).unwrap(), &public)
    }

    #[test]
    fn every_word_has_32_bytes() {
        let call = bn128(&["0", "33", LARGEST]).unwrap();
        let words: Vec<_> = call.split('"').skip(1).step_by(2).collect();
        assert_eq!(words.len(), 8 + 3);
        assert!(words.iter().all(|word| word.len() == 2 + 64 && word.starts_with("0x")), "{call}");
        assert!(call.ends_with(&format!(
            "[\"0x{:064x}\",\"0x{:064x}\",\"0x30644e72e131a029b85045b68181585d\
             2833e84879b9709143e1f593f0000000\"]",
            0, 33
        )));
    }

    #[test]
    fn an_input_that_is_not_reduced_is_rejected() {
        let r = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
        assert!(matches!(bn128(&[r]), Err(CalldataError::Public(_))));
    }

    #[test]
    fn a_proof_over_the_other_curve_is_rejected() {
        let text = include_bytes!("../../../tests/fixtures/bls12-381/proof.json");
        let refused = write(&proof::read(text).unwrap(), &[]);
        assert!(matches!(refused, Err(CalldataError::Curve { found: Curve::Bls12_381 })));
    }
}
