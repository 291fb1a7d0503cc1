//! Creating, listing, rotating and removing webhooks.

use std::time::Duration;

use zkpool_types::ProjectId;
use zkpool_types::api::CreateWebhook;
use zkpool_types::limits::WEBHOOKS_MAX;
use zkpool_webhooks::WebhookError;

use crate::world::World;

fn at(url: &str) -> CreateWebhook {
    CreateWebhook { url: url.to_owned(), events: Vec::new() }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_never_printed() {
    let world = World::new();
    let created = world.webhook(&[]).await;
    let secret = created.secret.expose();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    assert!(!format!("{created:?}").contains(&secret[6..]));
    let listed = world.webhooks.list(&world.project).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&created.webhook));
    assert!(!serde_json::to_string(&listed).unwrap().contains(&secret[6..]));
}

#[tokio::test]
async fn a_project_has_a_bounded_number_of_webhooks() {
    let world = World::new();
    for _ in 0..WEBHOOKS_MAX {
        world.webhook(&[]).await;
    }
    let one_more = world.webhooks.create(&world.project, at("https://a.example/")).await;
    assert!(matches!(one_more, Err(WebhookError::TooMany { .. })), "{one_more:?}");
    let first = world.webhooks.list(&world.project).await.unwrap()[0].id;
    world.webhooks.remove(&world.project, first).await.unwrap();
    world.webhook(&[]).await;
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused() {
    let world = World::new();
    for url in ["http://a.example/", "https://127.0.0.1/", "https://0x7f.1/", "nowhere"] {
        let refused = world.webhooks.create(&world.project, at(url)).await;
        assert!(matches!(refused, Err(WebhookError::Address(_))), "{url}: {refused:?}");
    }
    assert!(world.webhooks.list(&world.project).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_foreign_webhook_is_an_unknown_one() {
    let world = World::new();
    let webhook = world.webhook(&[]).await.webhook.id;
    let other: ProjectId = "other".parse().unwrap();
    let removed = world.webhooks.remove(&other, webhook).await;
    assert!(matches!(removed, Err(WebhookError::NotFound)), "{removed:?}");
    let rotated = world.webhooks.rotate(&other, webhook).await;
    assert!(matches!(rotated, Err(WebhookError::NotFound)), "{rotated:?}");
    let tested = world.webhooks.test(&other, webhook).await;
    assert!(matches!(tested, Err(WebhookError::NotFound)), "{tested:?}");
}

#[tokio::test]
async fn for_a_day_after_a_rotation_both_secrets_sign() {
    let world = World::new();
    let webhook = world.webhook(&[]).await.webhook.id;
    world.webhooks.rotate(&world.project, webhook).await.unwrap();
    let signatures = async || {
        world.webhooks.test(&world.project, webhook).await.unwrap();
        world.work().await;
        let last = world.receiver.received().pop().unwrap();
        let signature = last.headers.iter().find(|(name, _)| *name == "webhook-signature");
        signature.unwrap().1.split(' ').count()
    };
    assert_eq!(signatures().await, 2);
    world.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(signatures().await, 1);
}
