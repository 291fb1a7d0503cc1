//! Values whose curve is known only once their file is read.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use zkpool_types::Curve;

use crate::{Proof, ProvingKey, R1cs, VerifyingKey, Witness};

macro_rules! any_curve {
    ($(#[$doc:meta])* $name:ident, $of:ident) => {
        $(#[$doc])*
        #[allow(clippy::large_enum_variant, reason = "a process holds few, mostly borrowed")]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            /// Over BN254.
            Bn254($of<Bn254>),
            /// Over BLS12-381.
            Bls12_381($of<Bls12_381>),
        }

        impl $name {
            /// The curve that it is over.
            #[must_use]
            pub const fn curve(&self) -> Curve {
                match self {
                    Self::Bn254(_) => Curve::Bn254,
                    Self::Bls12_381(_) => Curve::Bls12_381,
                }
            }
        }

        impl From<$of<Bn254>> for $name {
            fn from(value: $of<Bn254>) -> Self {
                Self::Bn254(value)
            }
        }

        impl From<$of<Bls12_381>> for $name {
            fn from(value: $of<Bls12_381>) -> Self {
                Self::Bls12_381(value)
            }
        }
    };
}

any_curve!(
    /// A proving key over either curve.
    AnyProvingKey,
    ProvingKey
);
any_curve!(
    /// A verification key over either curve.
    AnyVerifyingKey,
    VerifyingKey
);
any_curve!(
    /// A proof over either curve.
    AnyProof,
    Proof
);
any_curve!(
    /// A witness over the scalar field of either curve.
    AnyWitness,
    Witness
);
any_curve!(
    /// A constraint system over the scalar field of either curve.
    AnyR1cs,
    R1cs
);

impl AnyProvingKey {
    /// Whether the maker of the key can forge proofs.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        match self {
            Self::Bn254(key) => key.development,
            Self::Bls12_381(key) => key.development,
        }
    }

    /// The part of the key that verifies its proofs.
    #[must_use]
    pub fn verifying_key(&self) -> AnyVerifyingKey {
        match self {
            Self::Bn254(key) => key.vk.clone().into(),
            Self::Bls12_381(key) => key.vk.clone().into(),
        }
    }
}
