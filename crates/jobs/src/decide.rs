//! What may happen to a job: a pure state machine.
//!
//! [`decide`] maps a state and an event to the next state and to the effects that make it so,
//! in the order they must be carried out: records first, message second, delete last. A crash
//! between two effects leaves a world from which the next claim or the next sweep finishes.
//!
//! Success is final. An attempt that no longer holds its delivery is *outdated*: nothing it
//! brings is written but the record of its waste.

use zkpool_types::{Attempt, AttemptId, Defect, JobState};

/// Where one job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// There is no record of it.
    Unknown,
    /// Accepted; no attempt holds it.
    Queued,
    /// This attempt holds it.
    Proving(Attempt),
    /// Its outcome is written. The state is a terminal one.
    Ended(JobState),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A requester asked for it.
    Accepted,
    /// A prover received its message.
    Claimed(Attempt),
    /// The attempt has a proof that verifies.
    Proved(AttemptId),
    /// The attempt found that no attempt can succeed.
    Rejected(AttemptId),
    /// The attempt gave up without a result, because it lost its delivery or the job ended.
    AttemptLost(AttemptId),
    /// The attempt gives the job to another prover at once; the delivery does not count.
    HandedBack(AttemptId),
    /// The attempt failed in a way that may pass; the delivery counts.
    Postponed(AttemptId),
    /// The requester took it back.
    CancelRequested,
    /// It was not done in time.
    DeadlinePassed,
    /// Its message was delivered as often as allowed.
    DeadLettered,
    /// A write of the outcome found another outcome, in this state.
    OutcomeLost(JobState),
    /// The sweeper found it: with no outcome long after acceptance, or ended.
    Overlooked,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Bind the idempotency key to the job, create-once.
    ReserveKey,
    /// Store the witness.
    StoreWitness,
    /// Write the request, create-once: from here on the job is accepted.
    WriteRequest,
    /// Send its message.
    Enqueue,
    /// Show that an attempt began.
    WriteProgress,
    /// Write the outcome, create-once: the commit point. If another outcome exists, the rest is
    /// not carried out and [`Event::OutcomeLost`] follows.
    WriteOutcome(JobState),
    /// Record what the attempt used, at charge zero.
    RecordWaste,
    /// Delete the message whose delivery is held.
    DeleteMessage,
    /// Make the message visible again, the delivery uncounted.
    ReleaseMessage,
    /// Make the message visible again after a while, the delivery counted.
    PostponeMessage,
    /// Delete the dead letter.
    DeleteDeadLetter,
    /// Delete the progress display.
    DeleteProgress,
    /// Delete the witness.
    DeleteWitness,
    /// Have the project's webhooks told that the job has ended.
    Notify,
}

/// Why an event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no record of the job.
    #[error("the job was never accepted")]
    NotAccepted,
    /// The job ended before.
    #[error("the job has already {0}")]
    AlreadyFinished(JobState),
}

/// The next state and the effects, in the order they must be carried out.
///
/// # Errors
/// The event cannot happen to a job in this state, or comes too late to change it.
pub fn decide(job: &Job, event: &Event) -> Result<(Job, Vec<Effect>), Refused> {
    match *job {
        Job::Unknown => unknown(event),
        Job::Queued => open(*job, None, event),
        Job::Proving(attempt) => open(*job, Some(attempt.id), event),
        Job::Ended(state) => ended(state, event),
    }
}

fn unknown(event: &Event) -> Result<(Job, Vec<Effect>), Refused> {
    use Effect::{DeleteDeadLetter, Enqueue, ReserveKey, StoreWitness, WriteRequest};
    match event {
        Event::Accepted => Ok((Job::Queued, vec![ReserveKey, StoreWitness, WriteRequest, Enqueue])),
        Event::DeadLettered => Ok((Job::Unknown, vec![DeleteDeadLetter])),
        _ => Err(Refused::NotAccepted),
    }
}

/// Queued or proving; `holder` is the attempt that holds the delivery.
fn open(job: Job, holder: Option<AttemptId>, event: &Event) -> Result<(Job, Vec<Effect>), Refused> {
    use Effect::{DeleteDeadLetter, DeleteMessage, Enqueue, RecordWaste, WriteProgress};
    let holds = |attempt: &AttemptId| holder == Some(*attempt);
    let decided = match event {
        Event::Claimed(attempt) if Defect::DeletesWitnessEarly.is_planted() => {
            (Job::Proving(*attempt), vec![WriteProgress, Effect::DeleteWitness])
        }
        Event::Claimed(attempt) => (Job::Proving(*attempt), vec![WriteProgress]),
        Event::Proved(attempt) if holds(attempt) => end(JobState::Succeeded, DeleteMessage),
        Event::Rejected(attempt) if holds(attempt) => end(JobState::Failed, DeleteMessage),
        Event::AttemptLost(attempt) if holds(attempt) => (Job::Queued, vec![RecordWaste]),
        Event::Proved(_) | Event::Rejected(_) | Event::AttemptLost(_) => (job, vec![RecordWaste]),
        Event::HandedBack(attempt) if holds(attempt) => (Job::Queued, hand_back()),
        Event::Postponed(attempt) if holds(attempt) => (Job::Queued, postpone()),
        Event::HandedBack(_) | Event::Postponed(_) | Event::Accepted => (job, vec![]),
        Event::CancelRequested => end(JobState::Cancelled, DeleteMessage),
        Event::DeadlinePassed => end(JobState::Expired, DeleteMessage),
        Event::DeadLettered => end(JobState::Failed, DeleteDeadLetter),
        Event::OutcomeLost(winner) => {
            let mut effects = vec![RecordWaste];
            effects.extend(clean(DeleteMessage));
            (Job::Ended(*winner), effects)
        }
        Event::Overlooked => (job, vec![Enqueue]),
    };
    Ok(decided)
}

fn ended(state: JobState, event: &Event) -> Result<(Job, Vec<Effect>), Refused> {
    use Effect::{DeleteDeadLetter, DeleteMessage, DeleteProgress, DeleteWitness, RecordWaste};
    let effects = match event {
        Event::Accepted => vec![],
        Event::Proved(_) | Event::Rejected(_) | Event::AttemptLost(_) => {
            vec![RecordWaste, DeleteMessage]
        }
        Event::Claimed(_)
        | Event::HandedBack(_)
        | Event::Postponed(_)
        | Event::DeadlinePassed
        | Event::OutcomeLost(_) => clean(DeleteMessage),
        Event::DeadLettered => clean(DeleteDeadLetter),
        Event::Overlooked => vec![DeleteProgress, DeleteWitness],
        Event::CancelRequested => return Err(Refused::AlreadyFinished(state)),
    };
    Ok((Job::Ended(state), effects))
}

fn hand_back() -> Vec<Effect> {
    if Defect::KeepsJobsOnStop.is_planted() {
        return vec![Effect::DeleteProgress];
    }
    vec![Effect::ReleaseMessage, Effect::DeleteProgress]
}

fn postpone() -> Vec<Effect> {
    if Defect::IgnoresReceiveCount.is_planted() {
        return hand_back();
    }
    vec![Effect::PostponeMessage, Effect::DeleteProgress]
}

fn end(state: JobState, message: Effect) -> (Job, Vec<Effect>) {
    let mut effects = vec![Effect::WriteOutcome(state)];
    effects.extend(clean(message));
    effects.push(Effect::Notify);
    (Job::Ended(state), effects)
}

fn clean(message: Effect) -> Vec<Effect> {
    vec![message, Effect::DeleteProgress, Effect::DeleteWitness]
}

#[cfg(test)]
mod tests {
    use Effect::{
        DeleteDeadLetter, DeleteMessage, DeleteProgress, DeleteWitness, Enqueue, Notify,
        PostponeMessage, RecordWaste, ReleaseMessage, ReserveKey, StoreWitness, WriteOutcome,
        WriteProgress, WriteRequest,
    };
    use JobState::{Cancelled, Expired, Failed, Succeeded};

    use super::*;

    fn attempt(number: u32) -> Attempt {
        let id = format!("018f2e7a-0000-7000-8000-00000000000{number}").parse().unwrap();
        Attempt { id, number }
    }

    fn every_event() -> Vec<Event> {
        let (first, second) = (attempt(1), attempt(2));
        vec![
            Event::Accepted,
            Event::Claimed(second),
            Event::Proved(first.id),
            Event::Proved(second.id),
            Event::Rejected(first.id),
            Event::Rejected(second.id),
            Event::AttemptLost(first.id),
            Event::AttemptLost(second.id),
            Event::HandedBack(first.id),
            Event::HandedBack(second.id),
            Event::Postponed(first.id),
            Event::Postponed(second.id),
            Event::CancelRequested,
            Event::DeadlinePassed,
            Event::DeadLettered,
            Event::OutcomeLost(Succeeded),
            Event::Overlooked,
        ]
    }

    /// What is expected of every event, in the order of [`every_event`].
    type Column = Vec<Result<(Job, Vec<Effect>), Refused>>;

    fn check(job: Job, expected: Column) {
        let events = every_event();
        assert_eq!(events.len(), expected.len());
        for (event, expected) in events.iter().zip(expected) {
            assert_eq!(decide(&job, event), expected, "{job:?} on {event:?}");
        }
    }

    fn ends(state: JobState, message: Effect) -> Result<(Job, Vec<Effect>), Refused> {
        let effects = vec![WriteOutcome(state), message, DeleteProgress, DeleteWitness, Notify];
        Ok((Job::Ended(state), effects))
    }

    #[test]
    fn a_job_that_was_never_accepted_takes_only_acceptance() {
        let refused = Err(Refused::NotAccepted);
        let mut expected: Column = vec![refused; every_event().len()];
        expected[0] = Ok((Job::Queued, vec![ReserveKey, StoreWitness, WriteRequest, Enqueue]));
        expected[14] = Ok((Job::Unknown, vec![DeleteDeadLetter]));
        check(Job::Unknown, expected);
    }

    #[test]
    fn a_queued_job_takes_no_result_of_any_attempt() {
        let wasted = || Ok((Job::Queued, vec![RecordWaste]));
        let ignored = || Ok((Job::Queued, vec![]));
        let lost = vec![RecordWaste, DeleteMessage, DeleteProgress, DeleteWitness];
        check(
            Job::Queued,
            vec![
                ignored(),
                Ok((Job::Proving(attempt(2)), vec![WriteProgress])),
                wasted(),
                wasted(),
                wasted(),
                wasted(),
                wasted(),
                wasted(),
                ignored(),
                ignored(),
                ignored(),
                ignored(),
                ends(Cancelled, DeleteMessage),
                ends(Expired, DeleteMessage),
                ends(Failed, DeleteDeadLetter),
                Ok((Job::Ended(Succeeded), lost)),
                Ok((Job::Queued, vec![Enqueue])),
            ],
        );
    }

    #[test]
    fn a_job_being_proved_takes_results_of_its_holder_only() {
        let job = Job::Proving(attempt(1));
        let wasted = || Ok((job, vec![RecordWaste]));
        let ignored = || Ok((job, vec![]));
        let lost = vec![RecordWaste, DeleteMessage, DeleteProgress, DeleteWitness];
        check(
            job,
            vec![
                ignored(),
                Ok((Job::Proving(attempt(2)), vec![WriteProgress])),
                ends(Succeeded, DeleteMessage),
                wasted(),
                ends(Failed, DeleteMessage),
                wasted(),
                Ok((Job::Queued, vec![RecordWaste])),
                wasted(),
                Ok((Job::Queued, vec![ReleaseMessage, DeleteProgress])),
                ignored(),
                Ok((Job::Queued, vec![PostponeMessage, DeleteProgress])),
                ignored(),
                ends(Cancelled, DeleteMessage),
                ends(Expired, DeleteMessage),
                ends(Failed, DeleteDeadLetter),
                Ok((Job::Ended(Succeeded), lost)),
                Ok((job, vec![Enqueue])),
            ],
        );
    }

    #[test]
    fn an_ended_job_never_changes_whatever_happens() {
        for state in [Succeeded, Failed, Cancelled, Expired] {
            let does = |effects: &[Effect]| Ok((Job::Ended(state), effects.to_vec()));
            let cleans = || does(&[DeleteMessage, DeleteProgress, DeleteWitness]);
            let wastes = || does(&[RecordWaste, DeleteMessage]);
            check(
                Job::Ended(state),
                vec![
                    does(&[]),
                    cleans(),
                    wastes(),
                    wastes(),
                    wastes(),
                    wastes(),
                    wastes(),
                    wastes(),
                    cleans(),
                    cleans(),
                    cleans(),
                    cleans(),
                    Err(Refused::AlreadyFinished(state)),
                    cleans(),
                    does(&[DeleteDeadLetter, DeleteProgress, DeleteWitness]),
                    cleans(),
                    does(&[DeleteProgress, DeleteWitness]),
                ],
            );
        }
    }

    #[test]
    fn records_come_first_the_message_second_then_deletions_and_others_are_told_last() {
        let rank = |effect: &Effect| match effect {
            ReserveKey => 0,
            StoreWitness => 1,
            WriteRequest => 2,
            WriteOutcome(_) | RecordWaste | WriteProgress => 3,
            Enqueue | DeleteMessage | ReleaseMessage | PostponeMessage | DeleteDeadLetter => 4,
            DeleteProgress => 5,
            DeleteWitness => 6,
            Notify => 7,
        };
        let jobs = [Job::Unknown, Job::Queued, Job::Proving(attempt(1)), Job::Ended(Succeeded)];
        for job in jobs {
            for (_, effects) in every_event().iter().filter_map(|event| decide(&job, event).ok()) {
                assert!(effects.is_sorted_by_key(rank), "{job:?}: {effects:?}");
            }
        }
    }

    #[test]
    fn a_witness_is_deleted_only_where_an_outcome_is_written_or_known() {
        for job in [Job::Unknown, Job::Queued, Job::Proving(attempt(1))] {
            for event in every_event() {
                let Ok((next, effects)) = decide(&job, &event) else { continue };
                if effects.contains(&DeleteWitness) {
                    assert!(matches!(next, Job::Ended(_)), "{job:?} on {event:?}");
                }
            }
        }
    }
}
