//! A project with webhooks, and whoever is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use zkpool_jobs::{Jobs, NewJob, Ports, WitnessSource};
use zkpool_ledger::PriceBook;
use zkpool_ports::memory::{MemoryBlobs, MemoryQueue};
use zkpool_ports::{Clock, QueuePolicy, SeededRng, TimeOrderedIds, VirtualClock};
use zkpool_types::api::{CreateWebhook, WebhookSecretView};
use zkpool_types::webhook::EventKind;
use zkpool_types::{CircuitRef, JobId, ProjectId, Secret, Sha256Digest};
use zkpool_webhooks::{AddressPolicy, Answer, Request, SendError, Sender, SweepReport, Webhooks};

/// Time that a notice is hidden for, at most, in these tests.
const HIDDEN: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) ports: Ports,
    pub(crate) jobs: Jobs,
    pub(crate) webhooks: Webhooks,
    pub(crate) receiver: Receiver,
    pub(crate) project: ProjectId,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(VirtualClock::new());
        let rng = Arc::new(SeededRng::new(1));
        let queue =
            |receives_max| Arc::new(MemoryQueue::new(QueuePolicy { receives_max }, clock.clone()));
        let ports = Ports {
            blobs: Arc::new(MemoryBlobs::new()),
            queue: queue(3),
            notices: queue(5),
            ids: Arc::new(TimeOrderedIds::new(clock.clone(), rng.clone())),
            clock: clock.clone(),
            rng,
        };
        let jobs = Jobs::new(ports.clone(), Arc::new(PriceBook::builtin().unwrap()));
        let webhooks = Webhooks::new(ports.clone(), AddressPolicy::Public);
        let receiver = Receiver::default();
        Self { clock, ports, jobs, webhooks, receiver, project: "acme".parse().unwrap() }
    }

    pub(crate) async fn webhook(&self, events: &[EventKind]) -> WebhookSecretView {
        let url = "https://hooks.example/zk".to_owned();
        let webhook = CreateWebhook { url, events: events.to_vec() };
        self.webhooks.create(&self.project, webhook).await.unwrap()
    }

    /// A job of the project that nobody has proved.
    pub(crate) async fn submit(&self, key: &str) -> JobId {
        let circuit = CircuitRef::of_key("transfer", &Sha256Digest::of(b"key")).unwrap();
        let job = NewJob {
            project: self.project.clone(),
            circuit,
            idempotency_key: key.to_owned(),
            body_digest: Sha256Digest::of(key.as_bytes()),
            witness: WitnessSource::Inline(Secret::new(b"witness".to_vec().into())),
            tags: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
            deadline: None,
            price: None,
            trace: None,
        };
        self.jobs.submit(job).await.unwrap().request.id
    }

    /// A job that was taken back.
    pub(crate) async fn cancelled(&self, key: &str) -> JobId {
        let job = self.submit(key).await;
        self.jobs.cancel(&self.project, job).await.unwrap();
        job
    }

    /// Works through the notices that are there.
    pub(crate) async fn work(&self) {
        loop {
            let notices = self.ports.notices.receive(10, HIDDEN, Duration::ZERO).await.unwrap();
            if notices.is_empty() {
                return;
            }
            for notice in notices {
                let handled = self.webhooks.handle(&notice.message.body, &self.receiver).await;
                handled.unwrap();
                self.ports.notices.delete(&notice.receipt).await.unwrap();
            }
        }
    }

    pub(crate) async fn sweep(&self) -> SweepReport {
        let projects = self.webhooks.projects().await.unwrap();
        self.webhooks.sweep(&projects).await
    }

    /// Lets time pass, sweeping and working every half minute.
    pub(crate) async fn pass(&self, time: Duration) {
        let step = Duration::from_secs(30);
        let end = self.clock.now().checked_add(time).unwrap();
        while self.clock.now() < end {
            self.clock.advance(step);
            let report = self.sweep().await;
            assert_eq!(report.errors, 0);
            self.work().await;
        }
    }

    /// Loses every notice that waits.
    pub(crate) async fn lose_notices(&self) -> usize {
        let notices = self.ports.notices.receive(10, HIDDEN, Duration::ZERO).await.unwrap();
        for notice in &notices {
            self.ports.notices.delete(&notice.receipt).await.unwrap();
        }
        notices.len()
    }
}

/// Answers as it is told, and success otherwise.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    answers: Mutex<VecDeque<Result<Answer, SendError>>>,
    received: Mutex<Vec<Request>>,
}

impl Receiver {
    /// Answers these statuses first.
    pub(crate) fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        let answers = statuses.into_iter().map(|status| Ok(Answer { status, retry_after: None }));
        self.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn answer_with(&self, answer: Result<Answer, SendError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn received(&self) -> Vec<Request> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.received().len()
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, request: Request) -> Result<Answer, SendError> {
        self.received.lock().unwrap().push(request);
        let told = self.answers.lock().unwrap().pop_front();
        told.unwrap_or(Ok(Answer { status: 204, retry_after: None }))
    }
}
