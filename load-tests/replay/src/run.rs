//! One run of the model, second by second.

use std::collections::VecDeque;
use std::time::Duration;

use zkpool_metrics::{Backlog, Fleet, LATELY, Observed, backlog};
use zkpool_ports::Depth;

use crate::Scaling;
use crate::fleet::Provers;
use crate::scaler::Scaler;

/// The period of the metrics.
const PERIOD_S: u64 = 60;

/// Proofs that the measured time is the mean of.
const MEASURED: usize = 20;

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it is submitted, in seconds from the start.
    pub at_s: u64,
    /// How long its proof takes, at least a second.
    pub proving_s: u64,
}

/// The state at the end of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// Provers that are wanted.
    pub wanted: u32,
    /// Provers that are paid for.
    pub paid: u32,
    /// Provers that prove.
    pub busy: u32,
    /// Jobs that were accepted since the last one.
    pub accepted: usize,
    /// Jobs that wait.
    pub waiting: usize,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every minute from the start.
    pub minutes: Vec<Minute>,
    /// How long each job waited until its proof began, in seconds, in the order of their beginning.
    pub waits_s: Vec<u64>,
    /// Seconds of provers that were paid for.
    pub paid_s: u64,
}

impl Report {
    /// Times that the number of wanted provers turned from rising to falling or back, from the
    /// given minute on.
    #[must_use]
    pub fn turns(&self, from_minute: usize) -> usize {
        let wanted: Vec<_> = self.minutes.iter().skip(from_minute).map(|m| m.wanted).collect();
        let changes = wanted.windows(2).filter(|pair| pair[0] != pair[1]);
        let rises: Vec<_> = changes.map(|pair| pair[0] < pair[1]).collect();
        rises.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The most provers that were wanted.
    #[must_use]
    pub fn wanted_max(&self) -> u32 {
        self.minutes.iter().map(|minute| minute.wanted).max().unwrap_or(0)
    }
}

/// Everything that changes in a run.
struct Model {
    waiting: VecDeque<Arrival>,
    provers: Provers,
    scaler: Scaler,
    /// When jobs were accepted, the latest first.
    accepted_s: VecDeque<u64>,
    /// When proofs end and how long they take, the latest begun first.
    proofs: VecDeque<(u64, u64)>,
    published: Option<Backlog>,
    report: Report,
}

/// Plays `arrivals`, ascending in time, through a service that starts asleep, for so many minutes.
/// A prover takes `start_s` seconds from being wanted to proving.
#[must_use]
pub fn replay(scaling: &Scaling, arrivals: &[Arrival], start_s: u64, minutes: u64) -> Report {
    let mut model = Model {
        waiting: VecDeque::new(),
        provers: Provers::new(start_s),
        scaler: Scaler::new(scaling.clone()),
        accepted_s: VecDeque::new(),
        proofs: VecDeque::new(),
        published: None,
        report: Report::default(),
    };
    let mut arrivals = arrivals.iter().peekable();
    for now_s in 0..minutes * PERIOD_S {
        while let Some(arrival) = arrivals.next_if(|arrival| arrival.at_s <= now_s) {
            model.waiting.push_back(*arrival);
            model.accepted_s.push_front(now_s);
        }
        model.second(now_s);
        if now_s % PERIOD_S == PERIOD_S - 1 {
            model.minute(scaling, now_s);
        }
    }
    model.report
}

impl Model {
    /// Provers come, go and take jobs.
    fn second(&mut self, now_s: u64) {
        self.provers.follow(self.scaler.wanted(), now_s);
        while let Some(job) = self.waiting.front().copied() {
            if !self.provers.prove(job.proving_s, now_s) {
                break;
            }
            self.waiting.pop_front();
            self.proofs.push_front((now_s + job.proving_s, job.proving_s));
            self.report.waits_s.push(now_s - job.at_s);
        }
        self.report.paid_s += u64::from(self.provers.all());
    }

    /// The metrics of the last minute arrive, and those of this one are published.
    fn minute(&mut self, scaling: &Scaling, now_s: u64) {
        if let Some(backlog) = self.published.take() {
            self.scaler.see(backlog, now_s);
        }
        let target = Duration::from_secs(scaling.target_backlog_s);
        self.published = Some(backlog(&self.observe(scaling, now_s), target));
        self.report.minutes.push(Minute {
            wanted: self.scaler.wanted(),
            paid: self.provers.all(),
            busy: self.provers.busy(now_s),
            accepted: self.accepted_s.iter().take_while(|at| **at + PERIOD_S > now_s).count(),
            waiting: self.waiting.len(),
        });
    }

    fn observe(&self, scaling: &Scaling, now_s: u64) -> Observed {
        let (visible, in_flight) = (self.waiting.len() as u64, self.provers.busy(now_s).into());
        let lately = |at_s: &&u64| **at_s + LATELY.as_secs() > now_s;
        Observed {
            queue: Depth { visible, in_flight, delayed: 0 },
            accepted_lately: self.accepted_s.iter().take_while(lately).count() as u64,
            fleet: Fleet { wanted: self.scaler.wanted(), running: self.provers.running(now_s) },
            proving: Duration::from_secs(
                self.measured_s(now_s).unwrap_or(scaling.proving_default_s),
            ),
        }
    }

    /// The mean time of the latest proofs that have ended, where one has.
    fn measured_s(&self, now_s: u64) -> Option<u64> {
        let ended = self.proofs.iter().filter(|(end_s, _)| *end_s <= now_s).take(MEASURED);
        let (count, total) =
            ended.fold((0, 0), |(count, total), (_, time)| (count + 1, total + time));
        u64::checked_div(total, count)
    }
}
