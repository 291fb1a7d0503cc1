//! A device that makes each proof once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use zkpool_circuit_files::{AnyProvingKey, AnyWitness};
use zkpool_ports::{Clock, SystemClock};
use zkpool_snark::ProveError;
use zkpool_types::{DeviceClass, ProofBody, Stage};
use zkpool_worker::{Blinding, Device, Meter, PreparedKey, cpu};

/// Proofs of one key that are remembered. Loads of this command have one witness for each key.
const REMEMBERED_MAX: usize = 16;

/// The processor, but for witnesses that it has proven before: their proofs are handed out again,
/// after a pause that stands for proving.
///
/// Every proof that leaves it was made from its witness and verified, so that whoever mistakes it
/// for a prover gets proofs that hold. They are the same ones, though, and no longer hide that
/// their witnesses are the same: this is no device to deploy.
#[derive(Clone, Debug)]
pub(super) struct Repeating {
    pub(super) pace: Duration,
}

impl Device for Repeating {
    fn class(&self) -> DeviceClass {
        cpu().class()
    }

    fn name(&self) -> String {
        "proofs made once and repeated".to_owned()
    }

    fn is_reference(&self) -> bool {
        true
    }

    fn prepare(&self, key: AnyProvingKey) -> Result<Arc<dyn PreparedKey>, ProveError> {
        let inner = cpu().prepare(key)?;
        Ok(Arc::new(RepeatingKey { inner, pace: self.pace, made: Mutex::default() }))
    }
}

#[derive(Debug)]
struct RepeatingKey {
    inner: Arc<dyn PreparedKey>,
    pace: Duration,
    made: Mutex<Vec<(AnyWitness, ProofBody)>>,
}

impl RepeatingKey {
    fn remembered(&self, witness: &AnyWitness) -> Option<ProofBody> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let found = made.iter().find(|(proven, _)| proven == witness);
        found.map(|(_, proof)| proof.clone())
    }

    fn remember(&self, witness: &AnyWitness, proof: &ProofBody) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < REMEMBERED_MAX {
            made.push((witness.clone(), proof.clone()));
        }
    }

    fn pause(&self) {
        // This thread may block, and a runtime started it.
        if let (false, Ok(runtime)) = (self.pace.is_zero(), Handle::try_current()) {
            runtime.block_on(SystemClock::new().sleep(self.pace));
        }
    }
}

impl PreparedKey for RepeatingKey {
    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn prove(
        &self,
        witness: &AnyWitness,
        blinding: Blinding,
        meter: &Meter,
    ) -> Result<ProofBody, ProveError> {
        if let Some(proof) = self.remembered(witness) {
            meter.enter(Stage::Msm);
            self.pause();
            return Ok(proof);
        }
        let proof = self.inner.prove(witness, blinding, meter)?;
        self.remember(witness, &proof);
        Ok(proof)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use zkpool_circuit_files::{GroupChecks, ReadOptions, wtns, zkey};

    use super::*;
    use crate::run::fixtures::{MULTIPLIER_KEY, MULTIPLIER_WITNESS};

    #[test]
    fn the_second_proof_of_a_witness_is_the_first_one_and_another_witness_has_its_own() {
        let options = ReadOptions { allow_development: false, group_checks: GroupChecks::Full };
        let key = zkey::read(Cursor::new(MULTIPLIER_KEY), &options).unwrap();
        let key = Repeating { pace: Duration::ZERO }.prepare(key).unwrap();
        let witness = wtns::read(Cursor::new(MULTIPLIER_WITNESS)).unwrap();
        let (meter, _stages) = Meter::new(Arc::new(SystemClock::new()));
        let prove = |byte| key.prove(&witness, Blinding::new([byte; 32]), &meter);
        let first = prove(1).unwrap();
        assert_eq!(prove(2).unwrap(), first);
        // A witness that does not satisfy the circuit was never proven, and never is.
        let mut wrong = MULTIPLIER_WITNESS.to_vec();
        *wrong.last_chunk_mut::<32>().unwrap() = [1; 32];
        let wrong = wtns::read(Cursor::new(wrong)).unwrap();
        let refused = key.prove(&wrong, Blinding::new([3; 32]), &meter);
        assert!(matches!(refused, Err(ProveError::Unsatisfied)), "{refused:?}");
    }
}
