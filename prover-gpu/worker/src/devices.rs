//! The worker's own device, and the CPU that proves where it fails.
//!
//! A failure of the device costs a job nothing but time: the CPU proves it in the same attempt. A
//! device that is lost, that computes wrong results when it is checked, or that fails
//! [`FAILURES_MAX`] times in a row is *retired*: from then on this worker proves on the CPU, until
//! it is started again.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zkpool_gpu::GpuError;
use zkpool_jobs::Ports;
use zkpool_snark::{DeviceError, ProveError};
use zkpool_types::{ArtifactRef, ProvingDevice, Sha256Digest, Stage};

use crate::device::{Device, PreparedKey};
use crate::keys::{Budgeted, KeyCache, KeyError};
use crate::settings::Settings;

/// Failures in a row after which a device is retired: one may be of a moment, three are not.
pub(crate) const FAILURES_MAX: u32 = 3;

/// Keys that are remembered as too large for the device, 32 bytes each.
const REFUSED_KEYS_MAX: u64 = 1024;

/// The target of log lines about a device that failed. Alarms count them.
const LOG_TARGET: &str = "zkpool::device";

/// The stages of a proof that has its device from beginning to end.
const WHOLE: [Stage; 4] = [Stage::Witness, Stage::Ntt, Stage::Msm, Stage::Verifying];

/// The stages of a proof's turn on a device that proofs share.
const TURN: [Stage; 2] = [Stage::Ntt, Stage::Msm];

/// A device with its keys.
#[derive(Debug)]
pub(crate) struct Station {
    device: Arc<dyn Device>,
    keys: KeyCache,
}

impl Station {
    fn new(ports: &Ports, device: Arc<dyn Device>, settings: &Settings) -> Arc<Self> {
        Arc::new(Self { keys: KeyCache::new(ports, Arc::clone(&device), settings), device })
    }

    /// The device as receipts name it.
    pub(crate) fn named(&self) -> ProvingDevice {
        ProvingDevice { class: self.device.class(), name: Some(self.device.name()) }
    }

    /// Proofs that may be in progress on it at once.
    pub(crate) fn lanes(&self) -> u32 {
        self.device.lanes()
    }

    /// The stages in which a job has the device for itself, and pays for it. Where proofs take
    /// turns, what goes on beside the device is not charged: the next job would pay for the same
    /// seconds again.
    pub(crate) fn charged(&self) -> &'static [Stage] {
        if self.lanes() > 1 { &TURN } else { &WHOLE }
    }

    /// Whether nothing stands in for it.
    pub(crate) fn is_reference(&self) -> bool {
        self.device.is_reference()
    }
}

/// A key that is ready on a device.
#[derive(Debug)]
pub(crate) struct ReadyKey {
    pub(crate) key: Arc<dyn PreparedKey>,
    pub(crate) station: Arc<Station>,
}

/// What a failure says about the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// It is gone, or computes wrong results.
    Final,
    /// It has no room for this key, and may have for another.
    NoRoom,
    /// Anything else.
    Passing,
}

impl Failure {
    fn of(error: &DeviceError) -> Self {
        match error.0.downcast_ref::<GpuError>() {
            Some(GpuError::Lost(_) | GpuError::SelfCheck(_)) => Self::Final,
            Some(GpuError::OutOfMemory(_) | GpuError::TooLarge { .. }) => Self::NoRoom,
            _ => Self::Passing,
        }
    }
}

/// The devices of one worker.
pub(crate) struct Devices {
    own: Arc<Station>,
    reference: Arc<Station>,
    failures: AtomicU64,
    failures_in_a_row: AtomicU32,
    retired: AtomicBool,
    refused: Mutex<Budgeted<Sha256Digest, ()>>,
}

impl Devices {
    pub(crate) fn new(ports: &Ports, device: Arc<dyn Device>, settings: &Settings) -> Self {
        let stands_in = (!device.is_reference()).then(|| device.reference());
        let own = Station::new(ports, device, settings);
        let reference = match stands_in {
            Some(device) => Station::new(ports, device, settings),
            None => Arc::clone(&own),
        };
        Self {
            own,
            reference,
            failures: AtomicU64::new(0),
            failures_in_a_row: AtomicU32::new(0),
            retired: AtomicBool::new(false),
            refused: Mutex::new(Budgeted::new(REFUSED_KEYS_MAX)),
        }
    }

    /// The key on the worker's own device, or on the CPU where that device is retired or does not
    /// take the key.
    pub(crate) async fn key(&self, file: &ArtifactRef) -> Result<ReadyKey, KeyError> {
        if self.is_retired() || self.refused().get(&file.sha256).is_some() {
            return self.reference_key(file).await;
        }
        match self.own.keys.get(file).await {
            Ok(key) => Ok(ReadyKey { key, station: Arc::clone(&self.own) }),
            Err(KeyError::Device(ProveError::Device(error))) if !self.own.is_reference() => {
                self.failed(&error, file);
                self.reference_key(file).await
            }
            Err(error) => Err(error),
        }
    }

    /// Proofs that may be in progress at once.
    pub(crate) fn lanes(&self) -> u32 {
        self.own.lanes()
    }

    /// The key on the CPU.
    pub(crate) async fn reference_key(&self, file: &ArtifactRef) -> Result<ReadyKey, KeyError> {
        let key = self.reference.keys.get(file).await?;
        Ok(ReadyKey { key, station: Arc::clone(&self.reference) })
    }

    /// A key that was made ready before is not proven with if its device was retired since.
    pub(crate) async fn still_ready(
        &self,
        ready: ReadyKey,
        file: &ArtifactRef,
    ) -> Result<ReadyKey, KeyError> {
        let outdated = self.is_retired() && !ready.station.is_reference();
        if outdated { self.reference_key(file).await } else { Ok(ready) }
    }

    /// Notes that the worker's own device proved what it was asked to.
    pub(crate) fn succeeded(&self) {
        self.failures_in_a_row.store(0, Ordering::Relaxed);
    }

    /// Notes that the worker's own device failed with a key.
    pub(crate) fn failed(&self, error: &DeviceError, file: &ArtifactRef) {
        let failure = Failure::of(error);
        match failure {
            Failure::Final => self.retire(),
            Failure::NoRoom => self.refused().insert(file.sha256, (), 1),
            Failure::Passing => self.count_in_a_row(),
        }
        self.say(error, failure);
    }

    /// Notes that a proof of the worker's own device does not verify where the CPU's does.
    pub(crate) fn computed_wrong(&self) {
        self.count_in_a_row();
        // Nothing of the proof is logged: a faulty device may have computed anything.
        self.say(&"a proof does not verify where the CPU's does", Failure::Passing);
    }

    fn count_in_a_row(&self) {
        if self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX {
            self.retire();
        }
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.own.keys.clear();
    }

    fn say(&self, error: &dyn fmt::Display, failure: Failure) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let device = self.own.device.name();
        if self.is_retired() {
            tracing::error!(target: LOG_TARGET, %device, %error, failures, "the CPU proves from now on: the device failed");
        } else {
            tracing::error!(target: LOG_TARGET, %device, %error, failures, ?failure, "the device failed, the CPU proves");
        }
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn refused(&self) -> MutexGuard<'_, Budgeted<Sha256Digest, ()>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices")
            .field("own", &self.own.device)
            .field("retired", &self.is_retired())
            .finish_non_exhaustive()
    }
}
