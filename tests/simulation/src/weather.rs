//! How much goes wrong in a run, and what it is made of. The seed decides.

use std::time::Duration;

use crate::universe::Universe;

/// How often calls go wrong, in thousandths, and what else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    /// A call fails and has no effect.
    pub(crate) refused: u32,
    /// A call has its effect and fails all the same.
    pub(crate) ambiguous: u32,
    /// A call takes from two to forty seconds.
    pub(crate) slow: u32,
    /// The process dies at a call.
    pub(crate) crash: u32,
    /// A message that was accepted is never delivered.
    pub(crate) lost: u32,
    /// A message is accepted twice.
    pub(crate) sent_twice: u32,
    /// A delivery is repeated to a later receiver.
    pub(crate) repeated: u32,
    /// A message is overtaken by later ones.
    pub(crate) overtaken: u32,
    /// A requester's connection breaks.
    pub(crate) disconnected: u32,
    /// A receiver of webhooks does not take a delivery, or seems not to.
    pub(crate) unreceptive: u32,
    /// A receiver of webhooks is down for a while.
    pub(crate) unreachable: u32,
    /// A proof of the GPU is wrong.
    pub(crate) miscalculated: u32,
    /// The GPU fails at a proof.
    pub(crate) device_failed: u32,
    /// A proof takes longer than a delivery is held without heartbeats.
    pub(crate) long_proof: u32,
    /// Machines stop for a while and go on, are told to stop, and have their clocks set.
    pub(crate) disturbed: bool,
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) const CALM: Self = Self {
        refused: 0,
        ambiguous: 0,
        slow: 0,
        crash: 0,
        lost: 0,
        sent_twice: 0,
        repeated: 0,
        overtaken: 0,
        disconnected: 0,
        unreceptive: 0,
        unreachable: 0,
        miscalculated: 0,
        device_failed: 0,
        long_proof: 0,
        disturbed: false,
    };

    /// The weather of a run: some have little of everything, others much of one thing.
    pub(crate) fn of(universe: &Universe) -> Self {
        let some = |most: u64| u32::try_from(universe.below(most + 1)).unwrap_or(0);
        let storm = universe.below(8);
        let worse = |at: u64, per_mille: u32| if storm == at { per_mille } else { 0 };
        Self {
            refused: some(40) + worse(0, 160),
            ambiguous: some(30) + worse(0, 40),
            slow: some(5) + worse(1, 40),
            crash: some(4) + worse(2, 12),
            lost: some(100) + worse(3, 200),
            sent_twice: some(100) + worse(3, 200),
            repeated: some(100) + worse(3, 300),
            overtaken: some(300),
            disconnected: some(100),
            unreceptive: some(200) + worse(6, 500),
            unreachable: some(20) + worse(6, 50),
            miscalculated: some(200) + worse(4, 500),
            device_failed: some(100),
            long_proof: some(100) + worse(5, 400),
            disturbed: universe.below(4) > 0,
        }
    }
}

/// How long a call takes, one way.
pub(crate) fn latency(universe: &Universe) -> Duration {
    universe.between_ms(1, 40)
}

/// How long a slow call takes.
pub(crate) fn slowness(universe: &Universe) -> Duration {
    universe.between_ms(2_000, 40_000)
}
