//! Everyone in a run, and what is done to them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::SignedDuration;
use zkpool_types::limits::CLOCK_SKEW_MAX_S;

use crate::machine::Machine;
use crate::receivers::tell;
use crate::requester::{Market, Tenant, arrival};
use crate::service::{Prover, Server, Service, roll_up, sweep};
use crate::universe::Universe;
use crate::weather::Weather;

/// Everyone in a run.
pub(crate) struct Cast {
    machines: Vec<Arc<Machine>>,
    provers: Vec<Arc<Prover>>,
    pub(crate) market: Arc<Market>,
}

impl Cast {
    /// Starts every machine.
    pub(crate) fn on_stage(service: &Arc<Service>, tenants: Vec<Tenant>) -> Self {
        let universe = &service.universe;
        let provers_sweep = universe.happens(500);
        let servers: Vec<_> = (0..2).map(|n| server(service, n)).collect();
        let provers: Vec<_> = (0..2 + universe.below(2))
            .map(|n| prover(service, n, provers_sweep && n == 0))
            .collect();
        let sweepers = if provers_sweep { 0 } else { 1 + universe.below(2) };
        let sweeping = (0..sweepers).map(|n| sweeper(service, n));
        let rolling_up = (0..2).map(|n| roller(service, n));
        let telling = (0..2).map(|n| teller(service, n));
        let machines = servers.iter().map(|server| Arc::clone(&server.machine));
        let machines = machines.chain(provers.iter().map(|prover| Arc::clone(&prover.machine)));
        let machines = machines.chain(sweeping).chain(rolling_up).chain(telling).collect();
        let market = Market {
            service: Arc::clone(service),
            servers,
            tenants,
            disconnected: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        };
        Self { machines, provers, market: Arc::new(market) }
    }

    /// Has every machine and every connection in this weather.
    pub(crate) fn set_weather(&self, weather: Weather) {
        self.machines.iter().for_each(|machine| machine.set_weather(weather));
        self.market.disconnected.store(weather.disconnected as usize, Ordering::Relaxed);
    }

    /// Sends requesters on their way.
    pub(crate) fn open_market(&self, service: &Arc<Service>, storm: Duration) {
        let requesters = 4 + service.universe.below(8);
        self.market.open.store(usize::try_from(requesters).unwrap_or(0), Ordering::Relaxed);
        for number in 0..requesters {
            let market = Arc::clone(&self.market);
            // The first comes in the last moment of the month, where one ends.
            let at = match service.universe.until_month_ends() {
                Some(left) if number == 0 => {
                    left.saturating_sub(service.universe.between_ms(0, 1_000))
                }
                _ => arrival(service, storm * 3 / 4),
            };
            spawn(service, async move {
                market.service.universe.sleep(at).await;
                let intent = market.intent(number).await;
                market.pursue(intent).await;
            });
        }
    }

    /// Stops machines for a while, kills them, and sets their clocks, until the storm is over.
    pub(crate) async fn disturb(&self, service: &Service, storm: Duration) {
        let universe = &service.universe;
        let end = universe.now() + storm;
        if universe.happens(150) {
            self.lose_capacity(universe);
        }
        loop {
            let next = universe.now() + universe.between_ms(5_000, 200_000);
            universe.sleep_until(next.min(end)).await;
            if next >= end {
                return;
            }
            self.disturb_once(universe);
        }
    }

    /// Has jobs wait for longer than anything else that looks after them does.
    fn lose_capacity(&self, universe: &Universe) {
        for prover in &self.provers {
            prover.machine.stop_for(universe.between_ms(1_000_000, 2_400_000));
        }
    }

    fn disturb_once(&self, universe: &Universe) {
        let machine = &self.machines[universe.index(self.machines.len())];
        match universe.below(6) {
            0 => {
                universe.count("kill");
                machine.kill();
            }
            1 => {
                let off_s = universe.below(2 * CLOCK_SKEW_MAX_S.unsigned_abs()).cast_signed();
                let off_s = off_s - CLOCK_SKEW_MAX_S;
                machine.set_skew(SignedDuration::from_secs(off_s));
            }
            2 => machine.stop_for(universe.between_ms(1_000, 120_000)),
            // Mostly provers: who is stopped holds jobs.
            _ => {
                let prover = &self.provers[universe.index(self.provers.len())];
                prover.machine.stop_for(universe.between_ms(5_000, 120_000));
            }
        }
    }

    /// Ends every fault.
    pub(crate) fn clear_up(&self) {
        self.machines.iter().for_each(|machine| machine.recover());
        self.market.disconnected.store(0, Ordering::Relaxed);
    }
}

/// The `n`th machine of its kind.
fn machine(service: &Service, kind: &str, n: u64) -> Arc<Machine> {
    Machine::new(format!("{kind}-{n}"), &service.universe)
}

fn server(service: &Arc<Service>, n: u64) -> Arc<Server> {
    let server = Server::new(service, &machine(service, "server", n));
    let (on, of) = (Arc::clone(&server), Arc::clone(service));
    spawn(service, async move { on.serve(&of).await });
    server
}

fn prover(service: &Arc<Service>, n: u64, sweeps: bool) -> Arc<Prover> {
    let has_gpu = service.universe.happens(600);
    let prover = Arc::new(Prover { machine: machine(service, "prover", n), has_gpu, sweeps });
    let (on, of) = (Arc::clone(&prover), Arc::clone(service));
    spawn(service, async move { on.prove(&of).await });
    prover
}

fn sweeper(service: &Arc<Service>, n: u64) -> Arc<Machine> {
    let machine = machine(service, "sweeper", n);
    let (on, of) = (Arc::clone(&machine), Arc::clone(service));
    spawn(service, async move {
        of.closing.run_until_cancelled(sweep(&of, &on)).await;
    });
    machine
}

fn roller(service: &Arc<Service>, n: u64) -> Arc<Machine> {
    let machine = machine(service, "roll-up", n);
    let (on, of) = (Arc::clone(&machine), Arc::clone(service));
    spawn(service, async move {
        of.closing.run_until_cancelled(roll_up(&of, &on)).await;
    });
    machine
}

fn teller(service: &Arc<Service>, n: u64) -> Arc<Machine> {
    let machine = machine(service, "teller", n);
    let (on, of) = (Arc::clone(&machine), Arc::clone(service));
    spawn(service, async move {
        of.closing.run_until_cancelled(tell(&of, &on)).await;
    });
    machine
}

/// A panic that the product does not catch breaks a law.
pub(crate) async fn guarded(universe: &Universe, part: impl Future<Output = ()>) {
    if AssertUnwindSafe(part).catch_unwind().await.is_err() {
        universe.broken("L1", "a process panicked");
    }
}

/// Runs a part of the service beside the others.
fn spawn(service: &Arc<Service>, part: impl Future<Output = ()> + Send + 'static) {
    let universe = Arc::clone(&service.universe);
    tokio::spawn(async move { guarded(&universe, part).await });
}
