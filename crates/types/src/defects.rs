//! Faults that are planted in the product on purpose, to see that the simulation finds them.
//!
//! Without the feature `defects`, which only the simulation's own build has, nothing is planted:
//! [`Defect::is_planted`] is `false` to the compiler, and the code of every defect is gone.

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A planted fault: what the product does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Defect {
            $($(#[$doc])* $name,)*
        }

        impl Defect {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

defects! {
    /// An attempt commits without asking whether it still holds its job.
    NoFence,
    /// A job without a proof is charged.
    ChargesFailures,
    /// Work that ended nothing is charged.
    ChargesWaste,
    /// The witness is deleted when the job is claimed.
    DeletesWitnessEarly,
    /// The message is deleted when the job is claimed.
    DeletesMessageEarly,
    /// An outcome replaces the one that is there.
    OverwritesOutcome,
    /// A write that seemed to fail is not known again as the writer's own.
    ForgetsItsWrites,
    /// A key with another body is the same job.
    SkipsBodyCompare,
    /// A repeated submission becomes a job of its own.
    ForgetsIdempotencyKeys,
    /// A job whose message was lost is not enqueued again.
    NeverReenqueues,
    /// The sweeper passes jobs that are open.
    SweepsTooFar,
    /// A failed attempt does not count.
    IgnoresReceiveCount,
    /// A prover that is told to stop keeps its jobs hidden.
    KeepsJobsOnStop,
    /// A held job is not kept hidden.
    SkipsHeartbeats,
    /// An overdue job is not ended.
    IgnoresDeadlines,
    /// A proof is published without being verified.
    SkipsVerification,
    /// A wrong result of a GPU is blamed on the witness.
    TrustsTheDevice,
    /// Time on a device that failed is charged.
    ChargesFailedDevices,
    /// The charge is what was metered, whatever was agreed.
    IgnoresAgreedPrices,
    /// The charge leaves out a line.
    ForgetsALine,
    /// Two processes may reserve the same rest of a budget.
    ReservesTogether,
    /// What a failed job had reserved stays reserved.
    KeepsReservations,
    /// A reservation may be freed twice.
    ReleasesTwice,
    /// A job counts in the month of its reservation, and in the next one if it was accepted then.
    CountsInTwoMonths,
    /// Two roll-ups may write the same batch.
    RollsUpTogether,
    /// A roll-up forgets jobs that were open.
    ForgetsOpenJobs,
    /// A roll-up forgets attempts that ended nothing.
    ForgetsWaste,
    /// A month that is closed takes what is rolled up after.
    AddsToClosedMonths,
    /// The end of a job of which the notice was lost is never told.
    NeverMakesUpNotices,
    /// An alert of which the notice was lost is never told.
    NeverMakesUpAlerts,
    /// What a wrong clock dates before a webhook is not told to it.
    TrustsClocks,
    /// One webhook of a project is told nothing.
    ForgetsAWebhook,
    /// Webhooks are told what they did not ask for.
    TellsUnasked,
    /// A try of a delivery is made known by its message alone.
    ForgetsMarks,
    /// The mark of a try is deleted before the try is made.
    UnmarksEarly,
    /// The sweep sends no message for a mark that is due.
    SkipsDueMarks,
    /// A delivery that failed is not tried again.
    TriesOnce,
    /// Every try of a delivery is sent under an id of its own.
    NamesEveryTry,
    /// Every try of a delivery says another time.
    RewritesEvents,
}

#[cfg(feature = "defects")]
mod planted {
    use std::cell::Cell;

    use super::Defect;

    thread_local! {
        static PLANTED: Cell<Option<Defect>> = const { Cell::new(None) };
    }

    impl Defect {
        /// Plants this fault in everything that runs on this thread, in place of any other.
        pub fn plant(self) {
            PLANTED.set(Some(self));
        }

        /// Whether the product is to do this wrong.
        #[must_use]
        pub fn is_planted(self) -> bool {
            PLANTED.get() == Some(self)
        }
    }
}

#[cfg(not(feature = "defects"))]
impl Defect {
    /// Whether the product is to do this wrong: never.
    #[must_use]
    pub const fn is_planted(self) -> bool {
        false
    }
}
