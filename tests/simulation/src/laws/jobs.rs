//! Laws about the records of jobs.

use zkpool_jobs::invariants::{self, Observed, World};
use zkpool_ledger::PriceBook;
use zkpool_types::{ErrorCode, JobRequest, JobState, NanoUsd, Outcome, Progress, Stage, Waste};

use super::{Broken, Place, State, Wanted, breaks, holds, read};
use crate::toy;

impl State {
    /// Looks at a record of a job.
    pub(super) fn job_record(&mut self, book: &PriceBook, at: &Place<'_>, body: &[u8]) -> Broken {
        let place = (at.project.clone(), at.job);
        let before = self.world.jobs.get(&place).cloned().unwrap_or_default();
        let mut after = before.clone();
        match at.name {
            "request.json" => after.request = Some(self.request(at, &before, read(body)?)?),
            "outcome.json" => after.outcome = Some(read(body)?),
            "witness" => after.witness = true,
            "progress.json" => return taken_in_time(&before, &read(body)?),
            name if name.starts_with("waste/") => after.waste.push(read(body)?),
            _ => return Ok(()),
        }
        self.world.jobs.insert(place.clone(), after.clone());
        self.stated(book, &place, &before, &after)?;
        if before.outcome != after.outcome {
            self.ended(&after)?;
        }
        after.waste.iter().try_for_each(|waste| wasted(&after, waste))
    }

    /// The laws that the product states itself.
    fn stated(
        &self,
        book: &PriceBook,
        place: &(zkpool_types::ProjectId, zkpool_types::JobId),
        before: &Observed,
        after: &Observed,
    ) -> Broken {
        let only = |observed: &Observed| World { jobs: [(place.clone(), observed.clone())].into() };
        let verifies = |request: &JobRequest, outcome: &Outcome| self.verifies(request, outcome);
        let found = invariants::violations(&only(before), &only(after), book, verifies);
        match found.first() {
            Some(violation) => breaks(law_of(violation.law), violation.to_string()),
            None => Ok(()),
        }
    }

    fn wanted(&self, request: &JobRequest) -> Option<&Wanted> {
        self.wanted.get(&(request.project.clone(), request.body_digest))
    }

    /// Whether a published proof proves what was asked for.
    fn verifies(&self, request: &JobRequest, outcome: &Outcome) -> bool {
        let Some((wanted, proof)) = self.wanted(request).zip(outcome.proof.as_ref()) else {
            return false;
        };
        wanted.is_true && toy::verifies(proof, wanted.output)
    }

    /// A key becomes one job, and that job keeps its request.
    fn request(
        &mut self,
        at: &Place<'_>,
        before: &Observed,
        request: JobRequest,
    ) -> Result<JobRequest, (&'static str, String)> {
        let unchanged = before.request.as_ref().is_none_or(|earlier| *earlier == request);
        holds("L5", unchanged, || format!("the request of job {} has changed", at.job))?;
        let Some(wanted) = self.wanted(&request) else {
            return Err(("L6", format!("job {} was asked for by nobody", at.job)));
        };
        let key = (at.project.clone(), wanted.key.clone());
        let job = *self.jobs_by_key.entry(key).or_insert(at.job);
        holds("L2", job == at.job, || {
            format!("one idempotency key has become two jobs, {job} and {}", at.job)
        })?;
        Ok(request)
    }

    fn ended(&self, after: &Observed) -> Broken {
        let Some((request, outcome)) = after.request.as_ref().zip(after.outcome.as_ref()) else {
            return Ok(());
        };
        self.failed_rightly(request, outcome)?;
        charged_as_agreed(request, outcome)?;
        metered_rightly(outcome)?;
        self.within_budget(request)
    }

    /// Nobody's good witness is refused.
    fn failed_rightly(&self, request: &JobRequest, outcome: &Outcome) -> Broken {
        let Some(failure) = &outcome.failure else { return Ok(()) };
        let is_true = self.wanted(request).is_some_and(|wanted| wanted.is_true);
        let blames_witness = match failure.code {
            ErrorCode::UnsatisfiedWitness => is_true,
            ErrorCode::InvalidWitness | ErrorCode::DigestMismatch => true,
            _ => false,
        };
        holds("L4", !blames_witness, || {
            format!("job {} failed with {}, though its witness is good", request.id, failure.code)
        })
    }

    /// What a project is charged for a month fits its budget at every moment.
    fn within_budget(&self, request: &JobRequest) -> Broken {
        let Some(limit) = self.limits.get(&request.project) else { return Ok(()) };
        let month = counts_in(request);
        let of_month = |observed: &&Observed| {
            let request = observed.request.as_ref();
            request.is_some_and(|request| counts_in(request) == month)
        };
        let of_project =
            self.world.jobs.iter().filter(|((project, _), _)| *project == request.project);
        let of_project = of_project.map(|(_, observed)| observed).filter(of_month);
        let charges = of_project.filter_map(|observed| observed.outcome.as_ref());
        let charged: NanoUsd = charges.map(|outcome| outcome.receipt.charge_nano_usd).sum();
        holds("L3", charged <= *limit, || {
            format!("{} was charged {charged} under a budget of {limit}", request.project)
        })
    }

    /// What may be deleted: nothing that is needed, and nothing before the outcome exists.
    pub(super) fn deletion(&mut self, key: &str) -> Broken {
        if key.starts_with("idempotency/") || key.starts_with("chain/") {
            return breaks("L5", format!("{key} is deleted"));
        }
        let Some(at) = Place::of(key) else { return self.unmarked(key) };
        let Some(observed) = self.world.jobs.get_mut(&(at.project, at.job)) else { return Ok(()) };
        match at.name {
            "witness" => {
                let needed = observed.request.is_some() && observed.outcome.is_none();
                observed.witness = false;
                holds("L1", !needed, || format!("the witness of open job {} is deleted", at.job))
            }
            "progress.json" => Ok(()),
            _ => breaks("L5", format!("{key} is deleted")),
        }
    }
}

/// The month whose budget a job draws on, where there is one.
pub(crate) fn counts_in(request: &JobRequest) -> Option<&str> {
    let reservation = request.price.as_ref()?.reservation.as_ref()?;
    Some(&reservation.month)
}

fn law_of(number: u8) -> &'static str {
    ["L1", "L2", "L3", "L4", "L5", "L6", "L7"].get(usize::from(number) - 1).unwrap_or(&"L1")
}

/// Nobody takes up what nobody wants any more.
fn taken_in_time(observed: &Observed, progress: &Progress) -> Broken {
    let Some(request) = &observed.request else { return Ok(()) };
    let is_late = progress.stage == Stage::Fetching && progress.at >= request.deadline;
    holds("L1", !is_late, || format!("job {} is taken up after its deadline", request.id))
}

/// A price that was agreed is the charge of a success.
fn charged_as_agreed(request: &JobRequest, outcome: &Outcome) -> Broken {
    let (Some(agreed), true) = (&request.price, outcome.receipt.charged) else { return Ok(()) };
    let (expected, found) = (agreed.price_nano_usd, outcome.receipt.charge_nano_usd);
    holds("L3", expected == found, || {
        format!("job {} was agreed at {expected} and charged {found}", request.id)
    })
}

/// The device time on a receipt is that of the proof that was published.
fn metered_rightly(outcome: &Outcome) -> Broken {
    let (JobState::Succeeded, Some(proof)) = (outcome.state, &outcome.proof) else {
        return Ok(());
    };
    let (expected, found) = (toy::took_us(proof), outcome.receipt.usage.device_us);
    holds("L3", expected == Some(found), || {
        format!("job {}: expected {expected:?} us of its device, found {found}", outcome.job)
    })
}

/// Work that ended nothing costs nothing, and did end nothing.
fn wasted(observed: &Observed, waste: &Waste) -> Broken {
    let ended_by = observed.outcome.as_ref().and_then(|outcome| outcome.attempt);
    let Waste { attempt, receipt, .. } = waste;
    holds("L2", ended_by.is_none_or(|by| by.id != attempt.id), || {
        format!("attempt {} ended its job and is recorded as waste", attempt.id)
    })?;
    let is_free = !receipt.charged && receipt.charge_nano_usd == NanoUsd::ZERO;
    holds("L2", is_free, || format!("the waste of attempt {} is charged", attempt.id))
}
