//! Laws about what webhooks are told: everything that they asked for at least once, under one id
//! and in the same words, and nothing that has not happened or is another project's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use zkpool_ledger::costs::day_of;
use zkpool_types::api::WebhookView;
use zkpool_types::budget::BudgetEntry;
use zkpool_types::webhook::{EventData, EventKind, EventRecord, WebhookEvent, WebhookRecord};
use zkpool_types::{BudgetScope, JobId, ProjectId, WebhookId};
use zkpool_webhooks::Request;

use super::{Broken, Laws, State, holds, read};
use crate::machine::Machine;

/// The header that has the id of what is sent.
const ID_HEADER: &str = "webhook-id";

/// What a webhook is told about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// The end of a job.
    Job(JobId),
    /// The share of a budget that was reached in the month that begins on a day.
    Share(Date, BudgetScope, u8),
    /// Nothing that happens here.
    Nothing,
}

impl Subject {
    fn of(event: &WebhookEvent) -> Self {
        match &event.data {
            EventData::Proof(ended) => Self::Job(ended.id),
            EventData::Budget(reached) => {
                Self::Share(month_of(event.timestamp), reached.scope.clone(), reached.percent)
            }
            EventData::Test(_) => Self::Nothing,
        }
    }
}

/// What is to be told, and what was.
#[derive(Default)]
pub(super) struct Told {
    /// Webhooks by their address.
    webhooks: BTreeMap<String, (ProjectId, WebhookView)>,
    /// Addresses that are gone for good.
    gone: BTreeSet<WebhookId>,
    /// Shares of budgets that were reached, by the first day of the month.
    shares: BTreeSet<(ProjectId, Date, BudgetScope, u8)>,
    /// Events by their keys.
    events: BTreeMap<String, EventRecord>,
    /// Marks of tries that are to be made: what is tried, and the key.
    marks: BTreeSet<(String, String)>,
    /// Tries that were made.
    tries: BTreeSet<String>,
    /// The id and the body under which a webhook was told something first.
    sent: BTreeMap<(WebhookId, Subject), (String, String)>,
    /// What a webhook has taken.
    taken: BTreeSet<(WebhookId, Subject)>,
}

/// The try that the key of a mark or of a record of it is about, such as `event.webhook.001`.
fn try_of(key: &str) -> Option<&str> {
    let name = key.rsplit('/').next()?;
    match key.split('/').next()? {
        "webhook-due" => name.split_once('.').map(|(_, tried)| tried),
        "webhook-attempts" => name.strip_suffix(".json"),
        _ => None,
    }
}

/// The first day of the month of a moment.
fn month_of(at: Timestamp) -> Date {
    day_of(at).first_of_month()
}

/// The project that a key names.
fn project_of(key: &str) -> Option<ProjectId> {
    key.split('/').nth(1)?.parse().ok()
}

/// Whether an event tells something about this project.
fn is_of(event: &WebhookEvent, project: &ProjectId) -> bool {
    match &event.data {
        EventData::Proof(ended) => ended.project == *project,
        EventData::Budget(reached) => reached.project == *project,
        EventData::Test(_) => true,
    }
}

impl State {
    /// Looks at a record that has to do with webhooks or budgets.
    pub(super) fn told(&mut self, key: &str, body: &[u8]) -> Broken {
        let Some(project) = project_of(key) else { return Ok(()) };
        let told = &mut self.told;
        match (key.split('/').next().unwrap_or_default(), try_of(key)) {
            ("webhook-due", Some(tried)) => {
                told.marks.insert((tried.to_owned(), key.to_owned()));
            }
            ("webhook-attempts", Some(tried)) => {
                told.tries.insert(tried.to_owned());
            }
            ("webhooks", _) => {
                let WebhookRecord { view, .. } = read(body)?;
                told.webhooks.insert(view.url.clone(), (project, view));
            }
            ("budget-log", _) => {
                let BudgetEntry { alerts, .. } = read(body)?;
                told.shares.extend(alerts.into_iter().map(|alert| {
                    (project.clone(), month_of(alert.at), alert.scope, alert.percent)
                }));
            }
            ("webhook-events", _) => return self.event(&project, key, read(body)?),
            _ => {}
        }
        Ok(())
    }

    /// An event has happened as it says, in the project that is told, and never changes.
    fn event(&mut self, project: &ProjectId, key: &str, record: EventRecord) -> Broken {
        let earlier = self.told.events.get(key);
        holds("L7", earlier.is_none_or(|earlier| *earlier == record), || {
            format!("the event {key} has changed")
        })?;
        let has_happened = match &record.event.data {
            EventData::Proof(ended) => {
                let observed = self.world.jobs.get(&(project.clone(), ended.id));
                let outcome = observed.and_then(|observed| observed.outcome.as_ref());
                outcome.is_some_and(|outcome| {
                    outcome.state == ended.state
                        && outcome.receipt.charge_nano_usd == ended.charge_nano_usd
                        && EventKind::of(outcome.state) == Some(record.event.kind)
                })
            }
            EventData::Budget(reached) => {
                let month = month_of(record.event.timestamp);
                let share = (project.clone(), month, reached.scope.clone(), reached.percent);
                self.told.shares.contains(&share)
            }
            EventData::Test(_) => true,
        };
        holds("L7", has_happened, || format!("the event {key} has not happened"))?;
        holds("L6", is_of(&record.event, project), || {
            format!("the event {key} is another project's")
        })?;
        self.told.events.insert(key.to_owned(), record);
        Ok(())
    }

    /// The mark of a try goes once the try is recorded, is marked otherwise, or is not wanted.
    pub(super) fn unmarked(&mut self, key: &str) -> Broken {
        let Some(tried) = try_of(key).map(ToOwned::to_owned) else { return Ok(()) };
        let told = &mut self.told;
        let mark = (tried.clone(), key.to_owned());
        if !key.starts_with("webhook-due/") || !told.marks.remove(&mark) {
            return Ok(());
        }
        let is_made = told.tries.contains(&tried);
        let is_marked = told.marks.iter().any(|(other, _)| *other == tried);
        holds("L7", is_made || is_marked || !told.is_wanted(key, &tried), || {
            format!("the mark of {tried} is deleted before the try is recorded")
        })
    }

    fn received(&mut self, request: &Request) -> Broken {
        let url = request.url.as_str();
        let event: WebhookEvent = read(request.body.as_bytes())?;
        let Some((project, webhook)) = self.told.webhooks.get(url) else {
            return super::breaks("L6", format!("{url} is sent something and is no webhook's"));
        };
        let id = request.headers.iter().find(|(name, _)| *name == ID_HEADER);
        let id = id.map_or("", |(_, id)| id.as_str());
        holds("L6", is_of(&event, project), || {
            format!("{url} is sent what is another project's: {}", request.body)
        })?;
        let is_recorded = self
            .told
            .events
            .values()
            .any(|record| record.webhooks.contains(&webhook.id) && record.event == event);
        holds("L7", is_recorded, || format!("{url} is sent what no event says: {}", request.body))?;
        let is_asked_for = webhook.events.is_empty() || webhook.events.contains(&event.kind);
        holds("L7", is_asked_for, || format!("{url} is told {}, unasked", event.kind))?;
        let subject = Subject::of(&event);
        let found = (id.to_owned(), request.body.clone());
        let told = self.told.sent.entry((webhook.id, subject.clone()));
        let expected = told.or_insert_with(|| found.clone());
        holds("L7", *expected == found, || {
            format!("{url} is told {subject:?} as {expected:?} and as {found:?}")
        })
    }

    fn took(&mut self, request: &Request) -> Broken {
        let event: WebhookEvent = read(request.body.as_bytes())?;
        if let Some((_, webhook)) = self.told.webhooks.get(request.url.as_str()) {
            self.told.taken.insert((webhook.id, Subject::of(&event)));
        }
        Ok(())
    }

    /// What a webhook that is in use has not taken.
    fn untold(&self) -> Option<String> {
        let in_use = self.told.webhooks.iter().filter(|(_, (_, webhook))| {
            webhook.disabled_at.is_none() && !self.told.gone.contains(&webhook.id)
        });
        in_use.into_iter().find_map(|(url, (project, webhook))| {
            let is_asked_for =
                |kind: EventKind| webhook.events.is_empty() || webhook.events.contains(&kind);
            let mut happened = self.happened(project);
            let missing = happened.find(|(kind, subject)| {
                is_asked_for(*kind) && !self.told.taken.contains(&(webhook.id, subject.clone()))
            });
            missing.map(|(_, subject)| format!("{url} was not told {subject:?}"))
        })
    }

    /// What has happened in a project.
    fn happened(&self, project: &ProjectId) -> impl Iterator<Item = (EventKind, Subject)> {
        let of_project = self.world.jobs.iter().filter(move |((of, _), _)| of == project);
        let jobs = of_project.filter_map(|((_, job), observed)| {
            Some((EventKind::of(observed.outcome.as_ref()?.state)?, Subject::Job(*job)))
        });
        let reached = self.told.shares.iter().filter(move |(of, ..)| of == project);
        let shares = reached.map(|(_, month, scope, percent)| {
            (EventKind::BudgetAlert, Subject::Share(*month, scope.clone(), *percent))
        });
        jobs.chain(shares)
    }
}

impl Told {
    /// Whether a try is for a webhook that is in use and is told this event.
    fn is_wanted(&self, key: &str, tried: &str) -> bool {
        let mut parts = tried.split('.');
        let (Some(event), Some(webhook)) = (parts.next(), parts.next()) else { return false };
        let Some(project) = key.split('/').nth(1) else { return false };
        let record = self.events.get(&format!("webhook-events/{project}/{event}.json"));
        let mut in_use =
            self.webhooks.values().filter(|(_, webhook)| webhook.disabled_at.is_none());
        let found = in_use.find(|(_, view)| view.id.to_string() == webhook);
        record.zip(found).is_some_and(|(record, (_, view))| record.webhooks.contains(&view.id))
    }
}

impl Laws {
    /// A receiver is sent something.
    pub(crate) fn received(&self, machine: &Machine, request: &Request) {
        let broken = self.state().received(request);
        self.judge(broken.map_err(|(law, what)| (law, format!("{}: {what}", machine.name))));
    }

    /// A receiver has taken it.
    pub(crate) fn took(&self, request: &Request) {
        let broken = self.state().took(request);
        self.judge(broken);
    }

    /// A receiver's address is gone for good.
    pub(crate) fn is_gone(&self, request: &Request) {
        let told = &mut self.state().told;
        if let Some((_, webhook)) = told.webhooks.get(request.url.as_str()) {
            told.gone.insert(webhook.id);
        }
    }

    /// What a webhook that is in use has not taken.
    pub(crate) fn untold(&self) -> Option<String> {
        self.state().untold()
    }

    /// How much webhooks have taken.
    pub(crate) fn told_in_all(&self) -> usize {
        self.state().told.taken.len()
    }
}
