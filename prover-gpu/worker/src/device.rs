//! What proofs are computed on.

use std::fmt;
use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use zkpool_circuit_files::{AnyProvingKey, AnyWitness};
use zkpool_gpu::Gpu;
use zkpool_snark::{AnyEngine, AnyProver, Cpu, Observer, ProveError};
use zkpool_types::{DeviceClass, ProofBody, Secret, Stage};

use crate::Meter;
use crate::class::class_of;

/// The name of the CPU in price books.
pub(crate) const CPU: &str = "cpu";

/// Proofs in progress on a GPU: the one it computes, and the next one's witness on its way.
const GPU_LANES: u32 = 2;

/// Randomness that blinds one proof. It must be fresh: two proofs with the same one give their
/// witnesses away.
pub type Blinding = Secret<[u8; 32]>;

/// A CPU or GPU.
///
/// Preparing and proving block their thread. A device computes for one job at a time.
pub trait Device: Send + Sync + fmt::Debug {
    /// The class that its proofs are charged as.
    fn class(&self) -> DeviceClass;

    /// What it calls itself.
    fn name(&self) -> String;

    /// Memory for keys in bytes, where the device has its own.
    fn memory_bytes_max(&self) -> Option<u64> {
        None
    }

    /// Whether its arithmetic is trusted: a proof of it that does not verify is then the fault of
    /// the witness, and otherwise the reference device is asked before anything is said.
    fn is_reference(&self) -> bool;

    /// What proves where this device fails: the processor.
    fn reference(&self) -> Arc<dyn Device> {
        Arc::new(cpu())
    }

    /// Proofs that may be in progress at once. More than one where they take turns on the device,
    /// so that it computes for one while the witness of the next is handed over.
    fn lanes(&self) -> u32 {
        1
    }

    /// Makes a key ready for proofs on this device.
    ///
    /// # Errors
    /// The device failed.
    fn prepare(&self, key: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError>;
}

/// A proving key that rests on its device, ready for any number of proofs.
pub trait PreparedKey: Send + Sync + fmt::Debug {
    /// How much memory it takes.
    fn bytes(&self) -> u64;

    /// Makes a proof, verifies it on the CPU, and tells the meter which stage it is in. A proof
    /// that does not verify is never returned.
    ///
    /// # Errors
    /// The witness is for another circuit, the proof does not verify, or the device failed.
    fn prove(
        &self,
        witness: &AnyWitness,
        blinding: Blinding,
        meter: &Meter,
    ) -> Result<ProofBody, ProveError>;
}

/// A device that an engine drives.
#[derive(Clone, Debug)]
pub struct EngineDevice<N> {
    engine: N,
    class: DeviceClass,
    name: String,
    is_reference: bool,
    memory_bytes_max: Option<u64>,
    lanes: u32,
}

/// The processor this runs on, all its cores: the reference of every other device.
#[must_use]
pub fn cpu() -> EngineDevice<Cpu> {
    let (class, name) = (DeviceClass::new(CPU), "CPU".to_owned());
    EngineDevice { engine: Cpu, class, name, is_reference: true, memory_bytes_max: None, lanes: 1 }
}

/// An opened GPU. Its proofs are checked against the CPU's.
#[must_use]
pub fn gpu(gpu: Gpu) -> EngineDevice<Gpu> {
    let (class, name) = (class_of(gpu.report()), gpu.report().name.clone());
    let memory_bytes_max = Some(gpu.resident_bytes_max());
    EngineDevice {
        engine: gpu,
        class,
        name,
        is_reference: false,
        memory_bytes_max,
        lanes: GPU_LANES,
    }
}

impl<N> Device for EngineDevice<N>
where
    N: AnyEngine + Clone + fmt::Debug + 'static,
    AnyProver<N>: Send + Sync + fmt::Debug,
{
    fn class(&self) -> DeviceClass {
        self.class.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn memory_bytes_max(&self) -> Option<u64> {
        self.memory_bytes_max
    }

    fn lanes(&self) -> u32 {
        self.lanes
    }

    fn is_reference(&self) -> bool {
        self.is_reference
    }

    fn prepare(&self, key: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Ok(Arc::new(AnyProver::new(self.engine.clone(), key)?))
    }
}

impl<N: AnyEngine> PreparedKey for AnyProver<N>
where
    Self: Send + Sync + fmt::Debug,
{
    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn prove(
        &self,
        witness: &AnyWitness,
        blinding: Blinding,
        meter: &Meter,
    ) -> Result<ProofBody, ProveError> {
        let mut rng = ChaCha20Rng::from_seed(blinding.into_inner());
        self.prove(witness, &mut rng, &mut Metered(meter))
    }
}

/// The meter as the prover tells it.
struct Metered<'m>(&'m Meter);

impl Observer for Metered<'_> {
    fn enter(&mut self, stage: Stage) {
        self.0.enter(stage);
    }

    fn wait(&mut self) {
        self.0.pause();
    }
}
