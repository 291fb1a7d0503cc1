//! A proof system that proves nothing in no time, and devices that it runs on.
//!
//! A witness holds `x`, `y` and their claimed product; the product is the statement. Everything
//! around it is the product's: the witness's file, the worker, and the check of every proof before
//! it leaves ([`ProofSystem::prove_checked`]).

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ark_bn254::Bn254;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{CryptoRng, RngCore, SeedableRng};
use serde_json::json;
use zkpool_circuit_files::json::public::to_strings;
use zkpool_circuit_files::{AnyProvingKey, AnyWitness};
use zkpool_gpu::GpuError;

use zkpool_snark::{DeviceError, Observer, ProofSystem, ProveError, VerifyError};
use zkpool_types::{Curve, DeviceClass, ProofBody, ProofSystemKind, Stage};
use zkpool_worker::{Blinding, Device, Meter, PreparedKey};

use crate::machine::Machine;

/// Values of a witness: the constant 1, the product, its factors, whether it makes the prover
/// panic, and a number that no other has.
pub(crate) const VARIABLES: u32 = 6;

/// What a prover says that a witness brings down.
const POISON: &str = "a witness that brings provers down";

/// Has panics that are part of the play say nothing, and reports every other one as before.
pub fn hush_planted_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some(POISON) {
            report(panic);
        }
    }));
}

/// The file of a witness over the scalar field of BN254.
pub(crate) fn witness_file(product: u64, [x, y]: [u64; 2], poisons: bool, number: u64) -> Vec<u8> {
    /// The order of the scalar field, least significant byte first.
    const PRIME: &str = "010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430";
    let prime = (0..32).map(|i| u8::from_str_radix(&PRIME[2 * i..2 * i + 2], 16).unwrap_or(0));
    let mut file = b"wtns".to_vec();
    file.extend(2_u32.to_le_bytes());
    file.extend(2_u32.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend(40_u64.to_le_bytes());
    file.extend(32_u32.to_le_bytes());
    file.extend(prime);
    file.extend(VARIABLES.to_le_bytes());
    file.extend(2_u32.to_le_bytes());
    file.extend((u64::from(VARIABLES) * 32).to_le_bytes());
    for value in [1, product, x, y, u64::from(poisons), number] {
        file.extend(value.to_le_bytes());
        file.extend([0; 24]);
    }
    file
}

/// What stands in a proof of a statement.
fn statement(product: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("proof", product).hash(&mut hasher);
    hasher.finish()
}

/// Whether a published proof is one of this statement.
pub(crate) fn verifies(proof: &ProofBody, product: u64) -> bool {
    proof.public_inputs == [product.to_string()] && proof.proof["statement"] == statement(product)
}

/// How long the device took for a published proof.
pub(crate) fn took_us(proof: &ProofBody) -> Option<u64> {
    proof.proof["took_us"].as_u64()
}

/// A processor or GPU of a machine.
#[derive(Clone)]
pub(crate) struct ToyDevice {
    machine: Arc<Machine>,
    is_gpu: bool,
    is_lost: Arc<AtomicBool>,
}

impl ToyDevice {
    /// The machine's processor.
    pub(crate) fn cpu(machine: &Arc<Machine>) -> Self {
        Self { machine: Arc::clone(machine), is_gpu: false, is_lost: Arc::default() }
    }

    /// A GPU, which makes mistakes.
    pub(crate) fn gpu(machine: &Arc<Machine>) -> Self {
        Self { is_gpu: true, ..Self::cpu(machine) }
    }

    fn happens(&self, per_mille: u32, fault: &'static str) -> bool {
        let happens = self.is_gpu && self.machine.universe.happens(per_mille);
        if happens {
            self.machine.universe.count(fault);
            self.machine.universe.note(format_args!("{}: {fault}", self.machine.name));
        }
        happens
    }

    /// Fails now and then, and for ever once it is lost.
    fn fail_now_and_then(&self) -> Result<(), DeviceError> {
        let per_mille = self.machine.weather().device_failed;
        if self.is_lost.load(Ordering::Relaxed) || self.happens(per_mille / 4, "GPU lost") {
            self.is_lost.store(true, Ordering::Relaxed);
            return Err(GpuError::Lost("it fell off the bus".to_owned()).into());
        }
        if self.happens(per_mille, "GPU failure") {
            return Err(GpuError::Refused("a hiccup".to_owned()).into());
        }
        Ok(())
    }

    /// How long the device computes for one proof.
    fn pace(&self) -> Duration {
        let universe = &self.machine.universe;
        if universe.happens(self.machine.weather().long_proof) {
            return universe.between_ms(31_000, 100_000);
        }
        universe.between_ms(200, 6_000)
    }
}

impl fmt::Debug for ToyDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name(), self.machine.name)
    }
}

impl Device for ToyDevice {
    fn class(&self) -> DeviceClass {
        DeviceClass::new(if self.is_gpu { "nvidia-l4" } else { "cpu" })
    }

    fn name(&self) -> String {
        if self.is_gpu { "a GPU" } else { "a CPU" }.to_owned()
    }

    fn is_reference(&self) -> bool {
        !self.is_gpu
    }

    fn reference(&self) -> Arc<dyn Device> {
        Arc::new(Self::cpu(&self.machine))
    }

    fn prepare(&self, _: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.fail_now_and_then()?;
        Ok(Arc::new(ToyKey(self.clone())))
    }
}

#[derive(Debug)]
struct ToyKey(ToyDevice);

impl PreparedKey for ToyKey {
    fn bytes(&self) -> u64 {
        1024
    }

    fn prove(
        &self,
        witness: &AnyWitness,
        blinding: Blinding,
        meter: &Meter,
    ) -> Result<ProofBody, ProveError> {
        self.0.fail_now_and_then()?;
        let values = values_of(witness)?;
        let poisons = values.get(4) == Some(&1);
        self.0.machine.universe.note(format_args!("{:?} proves {:?}", self.0, values.get(1)));
        assert!(!poisons, "{POISON}");
        let toy = Toy { device: &self.0, pace: self.0.pace() };
        let mut rng = ChaCha20Rng::from_seed(blinding.into_inner());
        let proof = toy.prove_checked(&(), &values, &mut rng, &mut Metered(meter))?;
        Ok(ProofBody {
            proof_system: ProofSystemKind::Groth16,
            curve: Curve::Bn254,
            proof: json!({ "statement": proof, "took_us": micros(toy.pace) }),
            public_inputs: vec![values[1].to_string()],
            development: false,
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The values of a witness, all of which are small numbers.
fn values_of(witness: &AnyWitness) -> Result<Vec<u64>, ProveError> {
    let AnyWitness::Bn254(witness) = witness else {
        let found = witness.curve();
        return Err(ProveError::WitnessCurve { expected: Curve::Bn254, found });
    };
    let texts = to_strings::<Bn254>(witness.values());
    let values: Vec<u64> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let (expected, found) = (u64::from(VARIABLES), values.len() as u64);
    if expected == found { Ok(values) } else { Err(ProveError::WitnessLength { expected, found }) }
}

/// The proof system on one device, for one proof.
struct Toy<'a> {
    device: &'a ToyDevice,
    /// How long it computes.
    pace: Duration,
}

impl ProofSystem for Toy<'_> {
    type ProvingKey = ();
    type PreparedKey = ();
    type VerifyingKey = ();
    type Witness = Vec<u64>;
    type PublicInput = u64;
    type Proof = u64;

    fn prepare(&self, (): ()) -> Result<(), DeviceError> {
        Ok(())
    }

    fn prove(
        &self,
        (): &(),
        witness: &Vec<u64>,
        _: &mut (impl RngCore + CryptoRng),
        observer: &mut (impl Observer + Send),
    ) -> Result<u64, ProveError> {
        let machine = &self.device.machine;
        observer.enter(Stage::Witness);
        for stage in [Stage::Ntt, Stage::Msm] {
            observer.enter(stage);
            machine.work(self.pace / 2);
        }
        let is_true = witness[1] == witness[2].wrapping_mul(witness[3]);
        let per_mille = machine.weather().miscalculated;
        let is_wrong = self.device.happens(per_mille, "wrong GPU result");
        Ok(if is_true && !is_wrong { statement(witness[1]) } else { 0 })
    }

    fn verify(&self, (): &(), inputs: &[u64], proof: &u64) -> Result<bool, VerifyError> {
        Ok(inputs.first().is_some_and(|product| *proof == statement(*product)))
    }

    fn verifying_key<'k>(&self, key: &'k ()) -> &'k () {
        key
    }

    fn public_inputs<'w>(&self, (): &(), witness: &'w Vec<u64>) -> Result<&'w [u64], ProveError> {
        Ok(&witness[1..2])
    }
}

/// The meter as a proof system tells it.
struct Metered<'m>(&'m Meter);

impl Observer for Metered<'_> {
    fn enter(&mut self, stage: Stage) {
        self.0.enter(stage);
    }
}
