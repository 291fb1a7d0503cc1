//! Webhooks: who registers them, who sends deliveries, and receivers that take them as they like.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use zkpool_ports::Clock;
use zkpool_types::limits::SWEEP_S;
use zkpool_types::webhook::EventKind;
use zkpool_webhooks::{Answer, Request, SendError, Sender};

use crate::laws::Laws;
use crate::machine::{Call, Machine};
use crate::requester::Market;
use crate::service::Service;
use crate::universe::{Universe, lock};

/// Time between two looks of a teller at what is due.
const SWEEP_EVERY: Duration = Duration::from_secs(SWEEP_S);

/// Longest time that a receiver asks to be left alone, in seconds.
const RETRY_AFTER_S_MAX: u64 = 600;

/// What a receiver does about a delivery.
enum Conduct {
    Takes,
    /// It takes it, and its answer comes too late.
    TakesSlowly,
    Refuses(Answer),
    /// Its address is gone for good.
    IsGone,
    /// Nothing takes connections there.
    IsDown,
}

/// How a receiver is.
#[derive(Debug)]
struct Receiver {
    /// Deliveries after which its address is gone for good.
    left: Option<u64>,
    /// It takes no connections before.
    down_until: Duration,
}

/// Every receiver, by its address.
#[derive(Debug)]
pub(crate) struct Receivers {
    laws: Arc<Laws>,
    by_url: Mutex<BTreeMap<String, Receiver>>,
}

impl Receivers {
    pub(crate) fn new(laws: &Arc<Laws>) -> Arc<Self> {
        Arc::new(Self { laws: Arc::clone(laws), by_url: Mutex::default() })
    }

    /// Decides what a receiver does, in the weather of whoever sends to it.
    fn conduct(&self, machine: &Machine, url: &str) -> Conduct {
        let (universe, weather) = (&machine.universe, machine.weather());
        let mut receivers = lock(&self.by_url);
        let Some(receiver) = receivers.get_mut(url) else { return Conduct::IsDown };
        if universe.happens(weather.unreachable) {
            universe.count("receiver down");
            receiver.down_until = universe.now() + universe.between_ms(10_000, 600_000);
        }
        if weather.unreachable > 0 && universe.now() < receiver.down_until {
            return Conduct::IsDown;
        }
        if let Some(left) = &mut receiver.left {
            if *left == 0 {
                universe.count("receiver gone");
                return Conduct::IsGone;
            }
            *left -= 1;
        }
        if !universe.happens(weather.unreceptive) {
            return Conduct::Takes;
        }
        unreceptive(universe)
    }

    /// What the receiver of a request answers.
    async fn answer(&self, machine: &Machine, request: &Request) -> Result<Answer, SendError> {
        let conduct = self.conduct(machine, request.url.as_str());
        if !matches!(conduct, Conduct::IsDown) {
            self.laws.received(machine, request);
        }
        match conduct {
            Conduct::Takes => {
                self.laws.took(request);
                Ok(Answer { status: 204, retry_after: None })
            }
            Conduct::TakesSlowly => {
                self.laws.took(request);
                machine.sleep(machine.universe.between_ms(10_000, 30_000)).await;
                Err(SendError::Timeout)
            }
            Conduct::Refuses(answer) => Ok(answer),
            Conduct::IsGone => {
                self.laws.is_gone(request);
                Ok(Answer { status: 410, retry_after: None })
            }
            Conduct::IsDown => Err(SendError::NoConnection),
        }
    }
}

fn unreceptive(universe: &Universe) -> Conduct {
    if universe.happens(300) {
        universe.count("receiver slow");
        return Conduct::TakesSlowly;
    }
    universe.count("receiver fails");
    let asked = universe.happens(200).then(|| universe.between_ms(0, RETRY_AFTER_S_MAX * 1_000));
    let status = if asked.is_some() { 503 } else { [302, 400, 500][universe.index(3)] };
    Conduct::Refuses(Answer { status, retry_after: asked })
}

/// The way from a machine to receivers.
#[derive(Debug)]
struct Line {
    machine: Arc<Machine>,
    receivers: Arc<Receivers>,
}

#[async_trait]
impl Sender for Line {
    async fn send(&self, request: Request) -> Result<Answer, SendError> {
        let call = Call { verb: "send", kind: "delivery", to: request.url.as_str() };
        let done = self.receivers.answer(&self.machine, &request);
        self.machine.call(call, done, |_| SendError::Broken).await
    }
}

/// Tells webhooks on a machine of its own.
pub(crate) async fn tell(service: &Service, machine: &Arc<Machine>) {
    loop {
        let life = machine.boot();
        let context = service.context(machine);
        let receivers = Arc::clone(&service.receivers);
        let line = Line { machine: Arc::clone(machine), receivers };
        let sweeping = async {
            loop {
                machine.sleep(SWEEP_EVERY).await;
                let report = context.sweep_webhooks().await;
                service.universe.note(format_args!("{} has swept: {report:?}", machine.name));
            }
        };
        let telling = async { tokio::join!(context.webhooks().run(&line), sweeping) };
        life.run_until_cancelled(telling).await;
        service.reboot().await;
    }
}

/// Gives projects webhooks while all is well.
pub(crate) async fn register(service: &Service, market: &Market) {
    let universe = &service.universe;
    for tenant in &market.tenants {
        for number in 0..universe.below(3) {
            let url = format!("https://receiver-{number}.{}.example/", tenant.project);
            let events = if universe.happens(700) { vec![] } else { some_kinds(universe) };
            let left = universe.happens(150).then(|| universe.below(6));
            let receiver = Receiver { left, down_until: Duration::ZERO };
            lock(&service.receivers.by_url).insert(url.clone(), receiver);
            let body = json!({ "url": url, "events": events });
            if market.ask(tenant, "POST", "/v1/webhooks", &body).await.is_none() {
                return universe.broken("L7", "no webhook could be registered in good weather");
            }
        }
    }
}

/// Some kinds of events, at least one.
fn some_kinds(universe: &Universe) -> Vec<Value> {
    let last = EventKind::ALL[universe.index(EventKind::ALL.len())];
    let some = EventKind::ALL.iter().filter(|kind| **kind != last && universe.happens(400));
    some.chain([&last]).map(|kind| json!(kind)).collect()
}
