//! Multi-scalar multiplications against arkworks.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use ark_std::test_rng;

use crate::{Gpu, Options};

#[test]
fn smoke() {
    let gpu = Gpu::open(0, Options::default()).unwrap();
    let rng = &mut test_rng();
    for n in [1, 33, 1000] {
        let bases: Vec<G1Affine> = (0..n).map(|_| G1Projective::rand(rng).into_affine()).collect();
        let scalars: Vec<Fr> = (0..n).map(|_| Fr::rand(rng)).collect();
        let prepared = gpu.prepare_bases(&bases, 0).unwrap();
        let uploaded = gpu.upload_scalars(&scalars).unwrap();
        let got: G1Projective = gpu.multiply(&prepared, &uploaded).unwrap();
        assert_eq!(got, G1Projective::msm(&bases, &scalars).unwrap());
    }
}
