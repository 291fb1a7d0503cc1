//! From the end of a job to a delivery, and its log.

use std::time::Duration;

use zkpool_types::budget::BudgetAlert;
use zkpool_types::webhook::{
    DeliveryId, DeliveryState, EventData, EventKind, NoticeOf, WebhookEvent,
};
use zkpool_types::{BudgetScope, EventId, NanoUsd, Timestamp};
use zkpool_webhooks::{Answer, DeliveryFilter, SendError, WebhookError};

use crate::world::World;

const DAYS: Duration = Duration::from_secs(4 * 24 * 3600);

fn body(world: &World, index: usize) -> WebhookEvent {
    serde_json::from_str(&world.receiver.received()[index].body).unwrap()
}

async fn log(world: &World) -> Vec<zkpool_types::api::DeliveryView> {
    let first = EventId::first_at(Timestamp::UNIX_EPOCH);
    let filter = DeliveryFilter::default();
    world.webhooks.deliveries(&world.project, filter, first, 100).await.unwrap().items
}

#[tokio::test]
async fn the_end_of_a_job_is_told_signed_and_without_its_witness() {
    let world = World::new();
    let created = world.webhook(&[]).await;
    let job = world.cancelled("a").await;
    world.work().await;
    let request = world.receiver.received().remove(0);
    assert_eq!(request.url.as_str(), "https://hooks.example/zk");
    let event = body(&world, 0);
    assert_eq!(event.kind, EventKind::ProofCancelled);
    let EventData::Proof(ended) = event.data else { panic!("{event:?}") };
    assert_eq!((ended.id, ended.tags["team"].as_str()), (job, "red"));
    assert_eq!(ended.charge_nano_usd, NanoUsd::ZERO);

    let header = |name: &str| {
        let (_, value) = request.headers.iter().find(|(found, _)| *found == name).unwrap();
        value.clone()
    };
    assert_eq!(header("webhook-id"), format!("msg_{job}"));
    let seconds = header("webhook-timestamp").parse().unwrap();
    let key = standardwebhooks::Webhook::new(created.secret.expose()).unwrap();
    let signature = key.sign(&header("webhook-id"), seconds, request.body.as_bytes()).unwrap();
    assert_eq!(header("webhook-signature"), signature);
}

#[tokio::test]
async fn a_webhook_is_told_only_what_it_asked_for_and_only_since_it_exists() {
    let world = World::new();
    let before = world.cancelled("before").await;
    world.clock.advance(Duration::from_secs(20 * 60 + 1));
    world.webhook(&[EventKind::ProofSucceeded]).await;
    world.webhook(&[EventKind::ProofCancelled, EventKind::ProofExpired]).await;
    let after = world.cancelled("after").await;
    world.pass(Duration::from_secs(600)).await;
    let told: Vec<_> = log(&world).await.into_iter().map(|delivery| delivery.id.event).collect();
    assert_eq!(told, [EventId::of_job(after)]);
    assert_ne!(before, after);
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn a_delivery_is_tried_for_three_days_with_one_id_and_then_given_up() {
    let world = World::new();
    world.webhook(&[]).await;
    world.receiver.answer([500; 20]);
    world.cancelled("a").await;
    world.work().await;
    world.pass(DAYS).await;
    let received = world.receiver.received();
    assert_eq!(received.len(), 10);
    let id = |index: usize| received[index].headers[0].clone();
    assert!((1..10).all(|index| id(index) == id(0) && received[index].body == received[0].body));
    let delivery = log(&world).await.remove(0);
    assert_eq!(delivery.state, DeliveryState::Failed);
    assert_eq!(delivery.attempts.len(), 10);
    let gaps = delivery.attempts.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
    assert!(gaps.map(|gap| gap.as_secs()).collect::<Vec<_>>().is_sorted());
}

#[tokio::test]
async fn a_delivery_that_fails_for_a_while_arrives() {
    let world = World::new();
    world.webhook(&[]).await;
    world.receiver.answer_with(Err(SendError::Timeout));
    world.receiver.answer([302, 503]);
    world.cancelled("a").await;
    world.work().await;
    world.pass(Duration::from_secs(3600)).await;
    let delivery = log(&world).await.remove(0);
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let statuses: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [None, Some(302), Some(503), Some(204)]);
    assert_eq!(delivery.attempts[0].error.as_deref(), Some("there was no answer in time"));
}

#[tokio::test]
async fn an_address_that_asks_for_time_gets_it() {
    let world = World::new();
    world.webhook(&[]).await;
    let hour = Some(Duration::from_secs(3600));
    world.receiver.answer_with(Ok(Answer { status: 429, retry_after: hour }));
    world.cancelled("a").await;
    world.work().await;
    world.pass(Duration::from_secs(3540)).await;
    assert_eq!(world.receiver.count(), 1);
    world.pass(Duration::from_secs(180)).await;
    assert_eq!(world.receiver.count(), 2);
}

#[tokio::test]
async fn an_address_that_is_gone_is_told_nothing_more() {
    let world = World::new();
    world.webhook(&[]).await;
    world.receiver.answer([410]);
    world.cancelled("a").await;
    world.work().await;
    world.cancelled("b").await;
    world.pass(DAYS).await;
    assert_eq!(world.receiver.count(), 1);
    assert!(world.webhooks.list(&world.project).await.unwrap()[0].disabled_at.is_some());
    assert_eq!(log(&world).await[0].state, DeliveryState::Failed);
}

#[tokio::test]
async fn a_removed_webhook_is_not_told_what_is_on_its_way() {
    let world = World::new();
    let webhook = world.webhook(&[]).await.webhook.id;
    world.receiver.answer([500]);
    world.cancelled("a").await;
    world.work().await;
    world.webhooks.remove(&world.project, webhook).await.unwrap();
    world.pass(DAYS).await;
    assert_eq!(world.receiver.count(), 1);
}

#[tokio::test]
async fn a_delivery_is_replayed_when_that_is_asked_for() {
    let world = World::new();
    world.webhook(&[]).await;
    world.receiver.answer([400; 10]);
    world.cancelled("a").await;
    world.work().await;
    world.pass(DAYS).await;
    let id = log(&world).await[0].id;
    world.webhooks.replay(&world.project, id).await.unwrap();
    world.work().await;
    assert_eq!(world.receiver.count(), 11);
    let delivery = world.webhooks.delivery(&world.project, id).await.unwrap();
    assert_eq!(delivery.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_delivery_cannot_be_replayed_without_end() {
    let world = World::new();
    world.webhook(&[]).await;
    world.cancelled("a").await;
    world.work().await;
    let id = log(&world).await[0].id;
    for _ in 1..zkpool_types::limits::DELIVERY_ATTEMPTS_MAX {
        world.webhooks.replay(&world.project, id).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        world.work().await;
    }
    let once_more = world.webhooks.replay(&world.project, id).await;
    assert!(matches!(once_more, Err(WebhookError::TriedTooOften { .. })), "{once_more:?}");
}

#[tokio::test]
async fn an_alert_of_a_budget_is_told_once_however_often_it_is_noticed() {
    let world = World::new();
    world.webhook(&[EventKind::BudgetAlert]).await;
    let alert = BudgetAlert {
        scope: BudgetScope::Project,
        percent: 80,
        limit_nano_usd: NanoUsd::new(100),
        committed_nano_usd: NanoUsd::new(80),
        at: world.ports.clock.now(),
    };
    let what = NoticeOf::Budget(alert.clone());
    zkpool_jobs::notices::notify(&world.ports, &world.project, what).await.unwrap();
    world.work().await;
    world.webhooks.make_up_alert(&world.project, alert).await.unwrap();
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(world.receiver.count(), 1);
    let event = body(&world, 0);
    assert!(matches!(event.data, EventData::Budget(reached) if reached.percent == 80));
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_by_state() {
    let world = World::new();
    world.webhook(&[]).await;
    world.webhook(&[]).await;
    world.receiver.answer([500]);
    for key in ["a", "b", "c"] {
        world.cancelled(key).await;
        world.work().await;
    }
    let (mut after, mut seen) = (EventId::first_at(Timestamp::UNIX_EPOCH), Vec::new());
    loop {
        let page = world.webhooks.deliveries(&world.project, DeliveryFilter::default(), after, 2);
        let page = page.await.unwrap();
        seen.extend(page.items.into_iter().map(|delivery| delivery.id));
        let Some(next) = page.next else { break };
        after = next.parse().unwrap();
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted());
    let pending = DeliveryFilter { state: Some(DeliveryState::Pending), webhook: None };
    let first = EventId::first_at(Timestamp::UNIX_EPOCH);
    let page = world.webhooks.deliveries(&world.project, pending, first, 100).await.unwrap();
    assert_eq!(page.items.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [seen[0]]);
    let unknown = DeliveryId { event: EventId::of_job(world.submit("d").await), ..seen[0] };
    let unknown = world.webhooks.delivery(&world.project, unknown).await;
    assert!(matches!(unknown, Err(WebhookError::NotFound)), "{unknown:?}");
}
