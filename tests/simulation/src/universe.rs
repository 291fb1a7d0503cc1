//! What all machines of one run share: time, chance, the journal, and whether the run goes on.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Locks `mutex`, also after a panic: what is behind it is only read then.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A law that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The law, such as `L3`.
    pub law: &'static str,
    /// What was expected and found.
    pub what: String,
}

/// The middle of a month, and the moment at which it ends.
const MIDDLE: Timestamp = Timestamp::constant(1_768_478_400, 0);
const MONTH_ENDS: Timestamp = Timestamp::constant(1_769_904_000, 0);

/// How long before the end of a month a run begins at most, in seconds, where it goes through it.
const BEFORE_END_S: u64 = 25 * 60;

/// One run's time, chance and journal.
#[derive(Debug)]
pub(crate) struct Universe {
    /// What right clocks show at first.
    pub(crate) began: Timestamp,
    time: Mutex<Time>,
    dice: Mutex<ChaCha8Rng>,
    journal: Mutex<Journal>,
}

#[derive(Debug, Default)]
struct Time {
    now: Duration,
    timers: BTreeMap<(Duration, u64), Waker>,
    timers_made: u64,
}

#[derive(Debug, Default)]
struct Journal {
    hash: DefaultHasher,
    /// The journal's text, where it was asked for.
    lines: Option<Vec<String>>,
    faults: BTreeMap<&'static str, u64>,
    crash_points: BTreeMap<String, u64>,
    breach: Option<Breach>,
    waiting: Option<Waker>,
}

/// What happened in one run, whether or not its laws held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chronicle {
    /// The hash of everything that happened, in order.
    pub hash: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Crashes by the call that they came before or after.
    pub crash_points: BTreeMap<String, u64>,
    /// The first law that did not hold.
    pub breach: Option<Breach>,
    /// Virtual time.
    pub elapsed: Duration,
    /// What happened as text, where it was asked for.
    pub lines: Vec<String>,
}

/// When a run begins: half of them go through the end of a month.
fn begin(dice: &mut ChaCha8Rng) -> Timestamp {
    if dice.next_u64().is_multiple_of(2) {
        return MIDDLE;
    }
    let before = Duration::from_secs(dice.next_u64() % BEFORE_END_S);
    MONTH_ENDS.saturating_sub(before).unwrap_or(MIDDLE)
}

impl Universe {
    /// A run's universe. The journal is kept as text only `with_lines`.
    pub(crate) fn new(seed: u64, with_lines: bool) -> Arc<Self> {
        let lines = with_lines.then(Vec::new);
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        Arc::new(Self {
            began: begin(&mut dice),
            time: Mutex::default(),
            dice: Mutex::new(dice),
            journal: Mutex::new(Journal { lines, ..Journal::default() }),
        })
    }

    /// Virtual time since the start.
    pub(crate) fn now(&self) -> Duration {
        lock(&self.time).now
    }

    /// What a right clock shows.
    pub(crate) fn wall(&self) -> Timestamp {
        self.began.saturating_add(self.now()).unwrap_or(Timestamp::MAX)
    }

    /// How long it is to the end of the month, in runs that go through it.
    pub(crate) fn until_month_ends(&self) -> Option<Duration> {
        let left = Duration::try_from(MONTH_ENDS.duration_since(self.wall())).ok()?;
        (left <= Duration::from_secs(BEFORE_END_S)).then_some(left)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        // The bounds are so small that the remainder is as good as uniform.
        lock(&self.dice).next_u64() % bound
    }

    /// A place in a list that is not empty.
    pub(crate) fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// Whether something happens that happens this often.
    pub(crate) fn happens(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }

    /// A number of milliseconds from `low` to below `high`, as a duration.
    pub(crate) fn between_ms(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(low + self.below(high - low))
    }

    /// Returns when `duration` has passed.
    pub(crate) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(duration))
    }

    pub(crate) fn sleep_until(self: &Arc<Self>, due: Duration) -> Sleep {
        Sleep { universe: Arc::clone(self), due, timer: None }
    }

    /// Goes on to when the next sleeper is due. For when nothing else is left to do.
    pub(crate) fn pass(&self) {
        let next = {
            let mut time = lock(&self.time);
            let next = time.timers.pop_first();
            if let Some(((due, _), _)) = &next {
                time.now = time.now.max(*due);
            }
            next
        };
        match next {
            Some((_, sleeper)) => sleeper.wake(),
            None => self.broken("L1", "nothing is left to do and the run has not ended"),
        }
    }

    /// Writes down what happens.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        let now = self.now();
        let mut journal = lock(&self.journal);
        journal.hash.write_u128(now.as_nanos());
        // Hashing does not fail.
        let _ = Hashed(&mut journal.hash).write_fmt(what);
        if let Some(lines) = &mut journal.lines {
            lines.push(format!("{:>12.3}  {what}", now.as_secs_f64()));
        }
    }

    /// Counts a fault that is made to happen.
    pub(crate) fn count(&self, fault: &'static str) {
        *lock(&self.journal).faults.entry(fault).or_default() += 1;
    }

    /// Counts a crash at a call.
    pub(crate) fn count_crash(&self, point: String) {
        self.count("crash");
        *lock(&self.journal).crash_points.entry(point).or_default() += 1;
    }

    /// Ends the run because a law does not hold. The first one counts.
    pub(crate) fn broken(&self, law: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.note(format_args!("BROKEN {law}: {what}"));
        let mut journal = lock(&self.journal);
        journal.breach.get_or_insert(Breach { law, what });
        if let Some(waiting) = journal.waiting.take() {
            waiting.wake();
        }
    }

    /// Returns once a law did not hold.
    pub(crate) async fn breach(&self) {
        poll_fn(|context| {
            let mut journal = lock(&self.journal);
            if journal.breach.is_some() {
                return Poll::Ready(());
            }
            journal.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// What happened until now.
    pub(crate) fn chronicle(&self) -> Chronicle {
        let journal = lock(&self.journal);
        Chronicle {
            hash: journal.hash.finish(),
            faults: journal.faults.clone(),
            crash_points: journal.crash_points.clone(),
            breach: journal.breach.clone(),
            elapsed: self.now(),
            lines: journal.lines.clone().unwrap_or_default(),
        }
    }
}

/// Text that goes into a hash.
struct Hashed<'a>(&'a mut DefaultHasher);

impl Write for Hashed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// A wait for virtual time. Sleepers that are due at once wake in the order in which they began.
pub(crate) struct Sleep {
    universe: Arc<Universe>,
    due: Duration,
    timer: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let universe = Arc::clone(&self.universe);
        let mut time = lock(&universe.time);
        if time.now >= self.due {
            if let Some(timer) = self.timer.take() {
                time.timers.remove(&timer);
            }
            return Poll::Ready(());
        }
        let due = self.due;
        let timer = *self.timer.get_or_insert_with(|| {
            time.timers_made += 1;
            (due, time.timers_made)
        });
        time.timers.insert(timer, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            lock(&self.universe.time).timers.remove(&timer);
        }
    }
}
