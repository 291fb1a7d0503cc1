//! A verification key as a contract that verifies proofs on Ethereum.
//!
//! The contract has one function, `verifyProof(uint256[2] a, uint256[2][2] b, uint256[2] c,
//! uint256[n] input) view returns (bool)`, which is the interface of the verifiers that snarkjs
//! exports; [`calldata`](crate::calldata) writes its arguments. It calls the precompiled contracts
//! of EIP-196 and EIP-197, which know BN254 alone.

use ark_bn254::Bn254;
use ark_ec::AffineRepr;
use zkpool_types::Curve;

use crate::any::AnyVerifyingKey;
use crate::calldata::coordinates;
use crate::verification_key::VerifyingKey;

const TEMPLATE: &str = include_str!("solidity/verifier.sol");

/// What a contract for a development key says of itself.
const WARNING: &str =
    "/// FOR DEVELOPMENT ONLY: whoever made the key can forge proofs that this contract accepts.\n";

/// Most public inputs of a contract. With more, its code comes close to the 24,576 bytes that
/// Ethereum allows (EIP-170).
pub const INPUTS_MAX: usize = 128;

/// Longest name of a contract, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Why there is no contract for a verification key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolidityError {
    /// The precompiled contracts know one curve.
    #[error("expected a verification key over {}, found one over {found}", Curve::Bn254)]
    Curve {
        /// The curve of the key.
        found: Curve,
    },
    /// An array of Solidity has at least one element, and the code of a contract has a bound.
    #[error("expected 1 to {INPUTS_MAX} public inputs, found {found}")]
    Inputs {
        /// Public inputs of the key.
        found: usize,
    },
    /// The name is none of Solidity's.
    #[error(
        "expected a name of a contract (a letter, then letters, digits and _, {NAME_BYTES_MAX} at \
         most), found {0:?}"
    )]
    Name(String),
}

/// The source of a contract called `name` that verifies proofs under `key`. With `development` it
/// warns its readers that the key comes from a setup that nobody should trust.
///
/// # Errors
/// The key is not over BN254, has no public input or too many, or the name is none.
pub fn verifier(
    key: &AnyVerifyingKey,
    name: &str,
    development: bool,
) -> Result<String, SolidityError> {
    let AnyVerifyingKey::Bn254(key) = key else {
        return Err(SolidityError::Curve { found: key.curve() });
    };
    let inputs = key.n_public();
    if !(1..=INPUTS_MAX).contains(&inputs) {
        return Err(SolidityError::Inputs { found: inputs });
    }
    if !is_name(name) {
        return Err(SolidityError::Name(name.to_owned()));
    }
    Ok(filled(key, name, if development { WARNING } else { "" }))
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES_MAX
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn filled(key: &VerifyingKey<Bn254>, name: &str, warning: &str) -> String {
    let mut ic = key.ic.iter().map(words);
    let [ic_x, ic_y] = ic.next().and_then(|words| words.try_into().ok()).unwrap_or_default();
    let terms = ic.enumerate().map(|(input, words)| {
        format!("        if (!add(sum, {}, input[{input}])) return false;\n", words.join(", "))
    });
    TEMPLATE
        .replace("{contract}", name)
        .replace("{warning}", warning)
        .replace("{inputs}", &key.n_public().to_string())
        .replace("{ic_x}", &ic_x)
        .replace("{ic_y}", &ic_y)
        .replace("{terms}", &terms.collect::<String>())
        .replace("{alpha}", &lines(&key.alpha_g1))
        .replace("{beta}", &lines(&key.beta_g2))
        .replace("{gamma}", &lines(&key.gamma_g2))
        .replace("{delta}", &lines(&key.delta_g2))
}

/// The words of a point in the order of EIP-197: of each coordinate the part with u first.
fn words<P: AffineRepr>(point: &P) -> Vec<String> {
    coordinates(point).into_iter().flat_map(|parts| parts.into_iter().rev()).collect()
}

fn lines<P: AffineRepr>(point: &P) -> String {
    let lines: Vec<_> = words(point).iter().map(|word| format!("            {word}")).collect();
    lines.join(",\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::verification_key;

    fn key(text: &[u8]) -> AnyVerifyingKey {
        verification_key::read(text, false).unwrap()
    }

    fn bn128() -> AnyVerifyingKey {
        key(include_bytes!("../../../tests/fixtures/bn128/verification_key.json"))
    }

    #[test]
    fn every_place_of_the_template_is_filled() {
        let source = verifier(&bn128(), "Multiplier_1", false).unwrap();
        let placeholders = ["{contract}", "{warning}", "{inputs}", "{ic", "{terms}", "{alpha}"];
        assert!(placeholders.iter().all(|place| !source.contains(place)), "{source}");
        assert!(source.contains("contract Multiplier_1 {"));
        assert!(!source.contains("DEVELOPMENT"));
        // The multiplier has three public inputs.
        assert_eq!(source.matches("if (!add(").count(), 3);
    }

    #[test]
    fn a_contract_for_a_development_key_says_so() {
        assert!(verifier(&bn128(), "V", true).unwrap().contains("FOR DEVELOPMENT ONLY"));
    }

    #[test]
    fn names_that_would_end_up_as_code_are_refused() {
        for name in ["", "1st", "A B", "A{}", "Ä", &"x".repeat(65)] {
            let refused = verifier(&bn128(), name, false);
            assert_eq!(refused, Err(SolidityError::Name(name.to_owned())));
        }
    }

    #[test]
    fn a_key_over_the_other_curve_is_refused() {
        let text = include_bytes!("../../../tests/fixtures/bls12-381/verification_key.json");
        let refused = verifier(&key(text), "V", false);
        assert_eq!(refused, Err(SolidityError::Curve { found: Curve::Bls12_381 }));
    }
}
