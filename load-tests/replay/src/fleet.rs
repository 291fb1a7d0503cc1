//! The machines of the model: they are ordered, start, prove, stay empty for a while and go.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::synthetic::Dice;
use crate::{Circuit, FleetError};

const HOUR_MS: f64 = 3_600_000.0;

/// What machines there are and how they behave. Times are in seconds.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Machines {
    /// Where the figures come from.
    pub about: String,
    /// From wanting a prover to having a machine, which is not paid for.
    pub order_s: u64,
    /// From having a machine to its prover's first claim.
    pub boot_s: u64,
    /// From wanting a prover to its first claim where a machine stands empty.
    pub container_s: u64,
    /// How long a machine without a prover is kept.
    pub linger_s: u64,
    /// How often machines are taken away, per 1,000 hours of one.
    pub interruptions_per_1000_h: f64,
    /// From the notice that a machine is taken away to its end.
    pub notice_s: u64,
    /// Seed of interruptions and of which device a machine has.
    pub seed: u64,
    /// The devices that machines come with.
    pub devices: Vec<Device>,
}

/// A kind of machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its class, as circuits name it.
    pub class: String,
    /// How often a machine comes with it, relative to the others.
    pub share: u32,
    /// The price of its machine.
    pub nano_usd_per_hour: u64,
}

impl Machines {
    /// Reads a fleet's file.
    ///
    /// # Errors
    /// The text is not of this form.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// How long a proof takes, by device and circuit.
    pub(crate) fn proving_ms(&self, circuits: &[Circuit]) -> Result<Vec<Vec<u64>>, FleetError> {
        if self.devices.iter().all(|device| device.share == 0) {
            return Err(FleetError::NoDevice);
        }
        let time = |device: &Device, circuit: &Circuit| {
            let time = circuit.proving_ms.get(&device.class).copied().filter(|time| *time > 0);
            let (circuit, class) = (circuit.name.clone(), device.class.clone());
            time.ok_or(FleetError::NoTime { circuit, class })
        };
        let of = |device| circuits.iter().map(|circuit| time(device, circuit)).collect();
        self.devices.iter().map(of).collect()
    }
}

/// What a machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its prover is not ready.
    Starting { ready_ms: u64 },
    /// Its prover has nothing to do.
    Idle,
    /// Its prover has a job.
    Busy,
    /// It has no prover.
    Empty { since_ms: u64 },
    /// It is being taken away.
    Ending { end_ms: u64 },
}

#[derive(Debug)]
struct Machine {
    device: usize,
    state: State,
    /// When it is paid from.
    launched_ms: u64,
    /// When notice is given that it is taken away.
    notice_ms: u64,
    /// Circuits whose keys it has.
    keys: BTreeSet<usize>,
}

/// A machine's number, never given twice.
pub(crate) type MachineId = u64;

/// What was paid for, in milliseconds of machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paid {
    /// By device.
    pub(crate) by_device: Vec<u64>,
    /// From launch to the first claim.
    pub(crate) starting_ms: u64,
}

/// Machines that come, prove and go.
#[derive(Debug)]
pub(crate) struct Fleet {
    settings: Machines,
    dice: Dice,
    machines: BTreeMap<MachineId, Machine>,
    next: MachineId,
    pub(crate) paid: Paid,
}

impl Fleet {
    /// No machine.
    pub(crate) fn new(settings: Machines) -> Self {
        let dice = Dice::new(settings.seed);
        let paid = Paid { by_device: vec![0; settings.devices.len()], starting_ms: 0 };
        Self { settings, dice, machines: BTreeMap::new(), next: 0, paid }
    }

    /// Starts provers until there are as many as are wanted, or ends those without a job: the ones
    /// that have not started first.
    pub(crate) fn follow(&mut self, wanted: u32, now_ms: u64) {
        let wanted = wanted as usize;
        for _ in self.provers()..wanted {
            self.start(now_ms);
        }
        for _ in wanted..self.provers() {
            let starting = self.find(|state| matches!(state, State::Starting { .. }));
            let Some(id) = starting.or_else(|| self.find(|state| state == State::Idle)) else {
                return;
            };
            self.leave_empty(id, now_ms);
        }
    }

    /// The last machine in such a state.
    fn find(&self, is: impl Fn(State) -> bool) -> Option<MachineId> {
        self.machines.iter().rfind(|(_, machine)| is(machine.state)).map(|(id, _)| *id)
    }

    fn start(&mut self, now_ms: u64) {
        let container_ms = self.settings.container_s * 1000;
        let empty = self.find(|state| matches!(state, State::Empty { .. }));
        if let Some(machine) = empty.and_then(|id| self.machines.get_mut(&id)) {
            machine.state = State::Starting { ready_ms: now_ms + container_ms };
            return;
        }
        let launched_ms = now_ms + self.settings.order_s * 1000;
        let ready_ms = launched_ms + self.settings.boot_s * 1000;
        let per_hour = self.settings.interruptions_per_1000_h / 1000.0;
        let lives_ms = self.dice.exponential(HOUR_MS / per_hour);
        let machine = Machine {
            device: self.dice.position(self.settings.devices.iter().map(|device| device.share)),
            state: State::Starting { ready_ms },
            launched_ms,
            notice_ms: launched_ms.saturating_add(millis(lives_ms)),
            keys: BTreeSet::new(),
        };
        self.machines.insert(self.next, machine);
        self.next += 1;
    }

    fn leave_empty(&mut self, id: MachineId, now_ms: u64) {
        let Some(machine) = self.machines.get_mut(&id) else { return };
        if machine.launched_ms > now_ms {
            // What has not been launched is ordered off at no cost.
            self.machines.remove(&id);
            return;
        }
        machine.state = State::Empty { since_ms: now_ms };
    }

    /// The next moment at which something happens by itself.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.machines.values().map(|machine| self.turn_ms(machine)).min()
    }

    fn turn_ms(&self, machine: &Machine) -> u64 {
        match machine.state {
            State::Starting { ready_ms } => ready_ms.min(machine.notice_ms),
            State::Idle | State::Busy => machine.notice_ms,
            State::Empty { since_ms } => {
                (since_ms + self.settings.linger_s * 1000).min(machine.notice_ms)
            }
            State::Ending { end_ms } => end_ms,
        }
    }

    /// Lets happen what is due. Returns the machines whose provers lose what they hold.
    pub(crate) fn pass(&mut self, now_ms: u64) -> Vec<MachineId> {
        let is_due = |(_, machine): &(&MachineId, &Machine)| self.turn_ms(machine) <= now_ms;
        let due: Vec<_> = self.machines.iter().filter(is_due).map(|(id, _)| *id).collect();
        due.into_iter().filter(|id| self.turn(*id, now_ms)).collect()
    }

    /// Takes one machine a step on; true if its prover loses what it holds.
    fn turn(&mut self, id: MachineId, now_ms: u64) -> bool {
        let Some(machine) = self.machines.get_mut(&id) else { return false };
        let ends = matches!(machine.state, State::Ending { .. });
        if machine.notice_ms <= now_ms && !ends {
            let held = machine.state == State::Busy;
            machine.state = State::Ending { end_ms: now_ms + self.settings.notice_s * 1000 };
            return held;
        }
        match machine.state {
            State::Starting { .. } => machine.state = State::Idle,
            State::Empty { .. } | State::Ending { .. } => {
                self.machines.remove(&id);
            }
            State::Idle | State::Busy => {}
        }
        false
    }

    /// A prover with nothing to do gets a job of the circuit. Returns its machine, its device, and
    /// whether it has to read the key.
    pub(crate) fn claim(&mut self, circuit: usize) -> Option<(MachineId, usize, bool)> {
        let (id, machine) = self.machines.iter_mut().find(|(_, m)| m.state == State::Idle)?;
        machine.state = State::Busy;
        Some((*id, machine.device, machine.keys.insert(circuit)))
    }

    /// A prover's job has ended.
    pub(crate) fn release(&mut self, id: MachineId) {
        if let Some(machine) = self.machines.get_mut(&id) {
            machine.state = State::Idle;
        }
    }

    /// Pays for the time from one moment to the next, between which nothing happens but launches.
    pub(crate) fn pay(&mut self, from_ms: u64, to_ms: u64) {
        for machine in self.machines.values() {
            let paid_ms = to_ms.saturating_sub(from_ms.max(machine.launched_ms));
            self.paid.by_device[machine.device] += paid_ms;
            if matches!(machine.state, State::Starting { .. }) {
                self.paid.starting_ms += paid_ms;
            }
        }
    }

    /// Provers, started or not.
    pub(crate) fn provers(&self) -> usize {
        let no_prover = |state| matches!(state, State::Empty { .. } | State::Ending { .. });
        self.machines.values().filter(|machine| !no_prover(machine.state)).count()
    }

    /// Provers that have started.
    pub(crate) fn running(&self) -> usize {
        let runs = |machine: &&Machine| matches!(machine.state, State::Idle | State::Busy);
        self.machines.values().filter(runs).count()
    }

    /// Provers that have a job.
    pub(crate) fn busy(&self) -> usize {
        self.machines.values().filter(|machine| machine.state == State::Busy).count()
    }

    /// Machines that are paid for.
    pub(crate) fn paid_for(&self, now_ms: u64) -> usize {
        self.machines.values().filter(|machine| machine.launched_ms <= now_ms).count()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive time, and the cast saturates: a machine that lives for ever"
)]
fn millis(time_ms: f64) -> u64 {
    time_ms as u64
}
