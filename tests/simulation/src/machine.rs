//! A machine: one process at a time with its own clock, which may die at any call it makes.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use zkpool_ports::{Clock, Threads, Work};

use crate::universe::{Universe, lock};
use crate::weather::{Weather, latency, slowness};

/// The failure of a call that was made to fail.
#[derive(Debug, thiserror::Error)]
#[error("a fault of the simulation")]
pub(crate) struct Fault;

/// A machine of the service.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) universe: Arc<Universe>,
    state: Mutex<State>,
}

struct State {
    weather: Weather,
    /// Nothing on this machine happens before.
    stopped_until: Duration,
    /// How far the work that its threads have done reaches ahead.
    worked_until: Duration,
    /// How far the wall clock is off.
    skew: SignedDuration,
    /// The process that runs. Cancelled when it dies.
    life: CancellationToken,
    /// Whether everything went well for the process so far.
    is_sound: bool,
}

/// A call: what is done to what.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) verb: &'static str,
    /// The kind of thing it is done to.
    pub(crate) kind: &'static str,
    /// The thing itself.
    pub(crate) to: &'a str,
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.to)
    }
}

impl Machine {
    /// A machine that is up.
    pub(crate) fn new(name: impl Into<String>, universe: &Arc<Universe>) -> Arc<Self> {
        let state = State {
            weather: Weather::CALM,
            stopped_until: Duration::ZERO,
            worked_until: Duration::ZERO,
            skew: SignedDuration::ZERO,
            life: CancellationToken::new(),
            is_sound: true,
        };
        let (universe, state) = (Arc::clone(universe), Mutex::new(state));
        Arc::new(Self { name: name.into(), universe, state })
    }

    /// What goes wrong on this machine from now on.
    pub(crate) fn set_weather(&self, weather: Weather) {
        lock(&self.state).weather = weather;
    }

    pub(crate) fn weather(&self) -> Weather {
        lock(&self.state).weather
    }

    /// Whether nothing goes wrong on this machine.
    pub(crate) fn is_calm(&self) -> bool {
        self.weather() == Weather::CALM
    }

    /// Starts a new process. The token is cancelled when it dies.
    pub(crate) fn boot(&self) -> CancellationToken {
        let life = CancellationToken::new();
        let mut state = lock(&self.state);
        state.life = life.clone();
        state.is_sound = state.stopped_until <= self.universe.now();
        life
    }

    /// The process that runs.
    pub(crate) fn life(&self) -> CancellationToken {
        lock(&self.state).life.clone()
    }

    /// Kills the process that runs.
    pub(crate) fn kill(&self) {
        self.universe.note(format_args!("{} dies", self.name));
        self.life().cancel();
    }

    /// Stops the machine for a while, as SIGSTOP or a pause of its host does.
    pub(crate) fn stop_for(&self, pause: Duration) {
        self.universe.count("pause");
        self.universe.note(format_args!("{} stands still for {pause:?}", self.name));
        let mut state = lock(&self.state);
        state.stopped_until = self.universe.now() + pause;
        state.is_sound = false;
    }

    /// Lets a machine that stands still go on, and sets its clock right.
    pub(crate) fn recover(&self) {
        let mut state = lock(&self.state);
        state.stopped_until = Duration::ZERO;
        state.skew = SignedDuration::ZERO;
        state.weather = Weather::CALM;
    }

    /// Sets the wall clock off by this much.
    pub(crate) fn set_skew(&self, skew: SignedDuration) {
        self.universe.count("clock jump");
        self.universe.note(format_args!("the clock of {} is {skew:?} off", self.name));
        lock(&self.state).skew = skew;
    }

    /// Spends time on a thread of this machine.
    pub(crate) fn work(&self, duration: Duration) {
        let mut state = lock(&self.state);
        state.worked_until = state.worked_until.max(self.universe.now()) + duration;
    }

    /// Whether the process lives, and nothing went wrong for it so far: no call failed or was slow,
    /// and the machine did not stand still.
    pub(crate) fn is_sound(&self) -> bool {
        let state = lock(&self.state);
        state.is_sound && !state.life.is_cancelled()
    }

    /// Lets time pass on the machine: at least `duration`, and as long as it stands still.
    async fn elapse(&self, duration: Duration) {
        self.universe.sleep(duration).await;
        loop {
            let until = lock(&self.state).stopped_until;
            if until <= self.universe.now() {
                return;
            }
            self.universe.sleep_until(until).await;
        }
    }

    /// The process ends here, if it is time for it to.
    async fn die_now_and_then(&self, call: Call<'_>, when: &str) {
        if self.universe.happens(self.weather().crash) {
            self.universe.note(format_args!("{} dies {when} {call}", self.name));
            self.universe.count_crash(format!("{when} {} {}", call.verb, call.kind));
            self.life().cancel();
            pending::<()>().await;
        }
    }

    /// Makes a call to the outside as it goes in this weather.
    pub(crate) async fn call<T, E>(
        &self,
        call: Call<'_>,
        done: impl Future<Output = Result<T, E>> + Send,
        failed: impl Fn(Fault) -> E + Send,
    ) -> Result<T, E> {
        let universe = &self.universe;
        let Weather { refused, ambiguous, slow, .. } = self.weather();
        let delay = if universe.happens(slow) {
            universe.count("slow call");
            lock(&self.state).is_sound = false;
            slowness(universe)
        } else {
            latency(universe)
        };
        self.elapse(delay).await;
        self.die_now_and_then(call, "before").await;
        if universe.happens(refused) {
            return Err(self.fail(call, "refused call", failed));
        }
        let result = done.await;
        let outcome = if result.is_ok() { "done" } else { "in vain" };
        universe.note(format_args!("{}: {call} {outcome}", self.name));
        self.die_now_and_then(call, "after").await;
        self.elapse(latency(universe)).await;
        if result.is_ok() && universe.happens(ambiguous) {
            return Err(self.fail(call, "done but failed", failed));
        }
        result
    }

    fn fail<E>(&self, call: Call<'_>, kind: &'static str, failed: impl Fn(Fault) -> E) -> E {
        self.universe.count(kind);
        self.universe.note(format_args!("{}: {call} fails: {kind}", self.name));
        lock(&self.state).is_sound = false;
        failed(Fault)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[async_trait]
impl Clock for Machine {
    fn now(&self) -> Timestamp {
        let skew = lock(&self.state).skew;
        self.universe.wall().saturating_add(skew).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.universe.now().max(lock(&self.state).worked_until)
    }

    async fn sleep(&self, duration: Duration) {
        self.elapse(duration).await;
    }
}

/// Work is done at once, and the machine's own time says how long it took. Whoever waits for it
/// waits that long.
#[async_trait]
impl Threads for Machine {
    async fn run(&self, work: Work) {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        if ran.is_err() {
            self.universe.note(format_args!("work on {} panicked", self.name));
        }
        let until = lock(&self.state).worked_until;
        self.universe.sleep_until(until).await;
        self.elapse(Duration::ZERO).await;
    }
}
