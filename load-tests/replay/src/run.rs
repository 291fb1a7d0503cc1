//! One run of the model, from event to event.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use zkpool_metrics::{Backlog, COUNTED_MAX, Fleet as Provers, LATELY, Observed, backlog};
use zkpool_ports::Depth;

use crate::fleet::{Fleet, MachineId};
use crate::report::{Minute, Report};
use crate::scaler::Scaler;
use crate::{FleetError, Machines, Scaling, Trace};

/// The period of the metrics.
const PERIOD_MS: u64 = 60_000;

/// Proofs that the measured time is the mean of.
const MEASURED: usize = 20;

/// How long a job that was handed back stays out of sight.
const HANDED_BACK_MS: u64 = 5000;

/// What decides the number of provers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The policies that are deployed.
    Scaled(Scaling),
    /// Always as many.
    Fixed(u32),
}

/// A job at a prover.
#[derive(Clone, Copy, Debug)]
struct Held {
    job: usize,
    /// When its prover took it.
    claimed_ms: u64,
    /// When its proof began, with the key at hand.
    began_ms: u64,
    end_ms: u64,
}

/// Everything that changes in a run.
struct Model<'a> {
    trace: &'a Trace,
    /// By device and circuit.
    proving_ms: Vec<Vec<u64>>,
    policy: &'a Policy,
    /// Jobs that came in so far.
    came: usize,
    /// Jobs that came in before those that are remembered.
    forgotten: usize,
    waiting: VecDeque<usize>,
    /// Jobs that were handed back, with the time at which they wait again.
    returning: VecDeque<(u64, usize)>,
    held: BTreeMap<MachineId, Held>,
    fleet: Fleet,
    scaler: Option<Scaler>,
    /// How long the latest proofs took, the latest first.
    latest_ms: VecDeque<u64>,
    published: Option<Backlog>,
    report: Report,
}

/// Plays a trace through a service that starts asleep, or with as many provers as are fixed.
///
/// # Errors
/// A circuit has no proving time for a device of the fleet, or the fleet has no device.
pub fn replay(policy: &Policy, machines: &Machines, trace: &Trace) -> Result<Report, FleetError> {
    let mut model = Model::new(policy, machines, trace)?;
    let (mut now_ms, end_ms) = (0, trace.minutes * PERIOD_MS);
    loop {
        model.events(now_ms);
        if now_ms >= end_ms {
            break;
        }
        let next_ms = model.next_ms(now_ms).min(end_ms);
        model.fleet.pay(now_ms, next_ms);
        now_ms = next_ms;
    }
    Ok(model.finish(machines))
}

impl<'a> Model<'a> {
    fn new(policy: &'a Policy, machines: &Machines, trace: &'a Trace) -> Result<Self, FleetError> {
        let scaler = match policy {
            Policy::Scaled(scaling) => Some(Scaler::new(scaling.clone())),
            Policy::Fixed(_) => None,
        };
        Ok(Self {
            trace,
            proving_ms: machines.proving_ms(&trace.circuits)?,
            policy,
            came: 0,
            forgotten: 0,
            waiting: VecDeque::new(),
            returning: VecDeque::new(),
            held: BTreeMap::new(),
            fleet: Fleet::new(machines.clone()),
            scaler,
            latest_ms: VecDeque::new(),
            published: None,
            report: Report::default(),
        })
    }

    fn wanted(&self) -> u32 {
        match (&self.scaler, self.policy) {
            (Some(scaler), _) => scaler.wanted(),
            (None, Policy::Fixed(provers)) => *provers,
            (None, Policy::Scaled(_)) => 0,
        }
    }

    /// The next moment at which something happens.
    fn next_ms(&self, now_ms: u64) -> u64 {
        let minute = now_ms - now_ms % PERIOD_MS + PERIOD_MS;
        let arrival = self.trace.arrivals.get(self.came).map(|arrival| arrival.at_ms);
        let returned = self.returning.front().map(|(at_ms, _)| *at_ms);
        let proof = self.held.values().map(|held| held.end_ms).min();
        let events = [arrival, returned, proof, self.fleet.next_ms()];
        events.into_iter().flatten().fold(minute, u64::min).max(now_ms + 1)
    }

    /// All that happens at this moment.
    fn events(&mut self, now_ms: u64) {
        self.end_proofs(now_ms);
        for machine in self.fleet.pass(now_ms) {
            self.lose(machine, now_ms);
        }
        self.accept(now_ms);
        if now_ms > 0 && now_ms.is_multiple_of(PERIOD_MS) {
            self.minute(now_ms);
        }
        self.fleet.follow(self.wanted(), now_ms);
        if self.wanted() > 0 {
            // What is ready at once has started at once.
            self.fleet.pass(now_ms);
        }
        self.claim(now_ms);
    }

    fn end_proofs(&mut self, now_ms: u64) {
        let ended = |held: &Held| held.end_ms <= now_ms;
        let machines: Vec<_> =
            self.held.iter().filter(|(_, held)| ended(held)).map(|(id, _)| *id).collect();
        for machine in machines {
            let Some(held) = self.held.remove(&machine) else { continue };
            let at_ms = self.trace.arrivals[held.job].at_ms;
            self.report.waits_ms.push(held.began_ms - at_ms);
            self.report.latencies_ms.push(held.end_ms - at_ms);
            self.report.proving_ms += held.end_ms - held.began_ms;
            self.report.reading_ms += held.began_ms - held.claimed_ms;
            self.report.last_end_ms = held.end_ms;
            self.latest_ms.push_front(held.end_ms - held.began_ms);
            self.latest_ms.truncate(MEASURED);
            self.fleet.release(machine);
        }
    }

    /// A machine is taken away, and what it holds is handed back.
    fn lose(&mut self, machine: MachineId, now_ms: u64) {
        if let Some(held) = self.held.remove(&machine) {
            self.report.lost_ms += now_ms - held.claimed_ms;
            self.report.interruptions += 1;
            self.returning.push_back((now_ms + HANDED_BACK_MS, held.job));
        }
    }

    fn accept(&mut self, now_ms: u64) {
        while self.returning.front().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
            self.waiting.extend(self.returning.pop_front().map(|(_, job)| job));
        }
        let arrivals = &self.trace.arrivals;
        while arrivals.get(self.came).is_some_and(|arrival| arrival.at_ms <= now_ms) {
            self.waiting.push_back(self.came);
            self.came += 1;
        }
    }

    fn claim(&mut self, now_ms: u64) {
        while let Some(job) = self.waiting.front().copied() {
            let circuit = self.trace.arrivals[job].circuit;
            let Some((machine, device, cold)) = self.fleet.claim(circuit) else { return };
            self.waiting.pop_front();
            let key_ms = if cold { self.trace.circuits[circuit].key_cold_ms } else { 0 };
            let began_ms = now_ms + key_ms;
            let end_ms = began_ms + self.proving_ms[device][circuit];
            self.held.insert(machine, Held { job, claimed_ms: now_ms, began_ms, end_ms });
        }
    }

    /// The metrics of the last minute arrive, and those of this one are published.
    fn minute(&mut self, now_ms: u64) {
        if let (Some(scaler), Policy::Scaled(scaling)) = (&mut self.scaler, self.policy) {
            if let Some(backlog) = self.published.take() {
                scaler.see(backlog, now_ms / 1000);
            }
            let target = Duration::from_secs(scaling.target_backlog_s);
            let default = Duration::from_secs(scaling.proving_default_s);
            let observed = self.observe(default, now_ms);
            self.published = Some(backlog(&observed, target));
        }
        let before = self.came - self.since(now_ms, PERIOD_MS);
        self.report.minutes.push(Minute {
            wanted: self.wanted(),
            paid: count(self.fleet.paid_for(now_ms)),
            busy: count(self.fleet.busy()),
            accepted: self.came - before,
            waiting: self.waiting.len(),
        });
    }

    fn observe(&mut self, proving_default: Duration, now_ms: u64) -> Observed {
        let lately_ms = u64::try_from(LATELY.as_millis()).unwrap_or(u64::MAX);
        self.forgotten = self.came - self.since(now_ms, lately_ms);
        let measured = u32::try_from(self.latest_ms.len()).unwrap_or(u32::MAX);
        let total = Duration::from_millis(self.latest_ms.iter().sum());
        Observed {
            queue: Depth {
                visible: self.waiting.len() as u64,
                in_flight: self.held.len() as u64,
                delayed: self.returning.len() as u64,
            },
            // As if all were of one project, where the count ends soonest.
            accepted_lately: ((self.came - self.forgotten) as u64).min(COUNTED_MAX),
            fleet: Provers { wanted: self.wanted(), running: count(self.fleet.running()) },
            proving: total.checked_div(measured).unwrap_or(proving_default),
        }
    }

    /// Jobs that came in within the last `span_ms`, of those that are remembered.
    fn since(&self, now_ms: u64, span_ms: u64) -> usize {
        let remembered = &self.trace.arrivals[self.forgotten..self.came];
        remembered.len() - remembered.partition_point(|arrival| arrival.at_ms + span_ms <= now_ms)
    }

    fn finish(mut self, machines: &Machines) -> Report {
        let paid = &self.fleet.paid;
        self.report.paid_ms = paid.by_device.iter().sum();
        self.report.starting_ms = paid.starting_ms;
        let cost = |(paid_ms, price): (&u64, u64)| u128::from(*paid_ms) * u128::from(price);
        let prices = machines.devices.iter().map(|device| device.nano_usd_per_hour);
        let total: u128 = paid.by_device.iter().zip(prices).map(cost).sum();
        self.report.nano_usd = u64::try_from(total / 3_600_000).unwrap_or(u64::MAX);
        self.report.left = self.trace.arrivals.len() - self.report.waits_ms.len();
        self.report
    }
}

fn count(provers: usize) -> u32 {
    u32::try_from(provers).unwrap_or(u32::MAX)
}
