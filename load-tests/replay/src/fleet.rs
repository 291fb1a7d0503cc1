//! The provers of the model.

/// A prover.
#[derive(Clone, Copy, Debug)]
struct Prover {
    /// When it has started.
    ready_s: u64,
    /// When it has proven what it proves.
    busy_until_s: u64,
}

impl Prover {
    /// What is taken away first: what has not started, then what has nothing to do.
    fn worth(&self, now_s: u64) -> (bool, bool) {
        (self.busy_until_s > now_s, self.ready_s <= now_s)
    }
}

/// Provers that start, prove and go.
#[derive(Debug)]
pub(crate) struct Provers {
    start_s: u64,
    provers: Vec<Prover>,
}

impl Provers {
    /// No prover; each needs `start_s` seconds to start.
    pub(crate) fn new(start_s: u64) -> Self {
        Self { start_s, provers: Vec::new() }
    }

    /// Starts provers until there are as many as are wanted, or takes away those that do not
    /// prove. One that proves goes when it is done.
    pub(crate) fn follow(&mut self, wanted: u32, now_s: u64) {
        let wanted = wanted as usize;
        while self.provers.len() < wanted {
            let ready_s = now_s + self.start_s;
            self.provers.push(Prover { ready_s, busy_until_s: 0 });
        }
        self.provers.sort_by_key(|prover| std::cmp::Reverse(prover.worth(now_s)));
        while self.provers.len() > wanted {
            if self.provers.last().is_some_and(|prover| prover.busy_until_s > now_s) {
                return;
            }
            self.provers.pop();
        }
    }

    /// Gives a job of `proving_s` seconds to a prover that has nothing to do; false if none has.
    pub(crate) fn prove(&mut self, proving_s: u64, now_s: u64) -> bool {
        let idle = |p: &&mut Prover| p.ready_s <= now_s && p.busy_until_s <= now_s;
        let Some(prover) = self.provers.iter_mut().find(idle) else { return false };
        prover.busy_until_s = now_s + proving_s;
        true
    }

    /// Provers that have started.
    pub(crate) fn running(&self, now_s: u64) -> u32 {
        self.count(|prover| prover.ready_s <= now_s)
    }

    /// Provers that prove.
    pub(crate) fn busy(&self, now_s: u64) -> u32 {
        self.count(|prover| prover.busy_until_s > now_s)
    }

    /// Provers that are paid for.
    pub(crate) fn all(&self) -> u32 {
        self.count(|_| true)
    }

    fn count(&self, counts: impl Fn(&Prover) -> bool) -> u32 {
        let count = self.provers.iter().filter(|prover| counts(prover)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
