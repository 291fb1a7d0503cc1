//! `zkpool webhooks`: the addresses at which a project is told what happens.

use clap::{Args, Subcommand};
use zkpool_sdk::DeliveryFilter;
use zkpool_types::api::{CreateWebhook, DeliveryView, WebhookSecretView, WebhookView};
use zkpool_types::webhook::{DeliveryId, DeliveryState, EventKind};
use zkpool_types::{Timestamp, WebhookId};

use crate::client::{Client, ServerArgs};
use crate::exit::CliError;
use crate::output::{Report, Table};

/// Create, list, try out and remove webhooks; see what was sent to them
#[derive(Subcommand, Debug)]
pub(crate) enum WebhooksCommand {
    /// Create a webhook and print its secret: it is shown this once
    Create {
        /// Where events are sent: an https address of a public host
        url: String,
        /// What it is told; everything if not given
        #[arg(long, value_delimiter = ',', value_name = "KINDS")]
        events: Vec<EventKind>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List the webhooks of the project
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Replace the secret of a webhook and print the new one; for a day both sign
    Rotate(OneWebhook),
    /// Send an event to a webhook that says nothing
    Test(OneWebhook),
    /// Remove a webhook
    Remove(OneWebhook),
    /// List what was sent
    Deliveries {
        /// Only to this webhook
        #[arg(long)]
        webhook: Option<WebhookId>,
        /// Only those that stand so: pending, delivered or failed
        #[arg(long)]
        state: Option<DeliveryState>,
        /// Only of events since then; a day ago if not given
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Have a delivery tried again
    Replay {
        /// The delivery's id, as `webhooks deliveries` shows it
        id: DeliveryId,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// A webhook behind a server.
#[derive(Args, Debug)]
pub(crate) struct OneWebhook {
    /// The webhook's id, as `webhooks list` shows it
    id: WebhookId,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(crate) fn run(command: WebhooksCommand) -> Result<Report, CliError> {
    match command {
        WebhooksCommand::Create { url, events, server } => {
            let webhook = CreateWebhook { url, events };
            let client = Client::new(&server)?;
            secret(&client.run(async |sdk| sdk.create_webhook(&webhook).await)?)
        }
        WebhooksCommand::List { server } => {
            listed(&Client::new(&server)?.run(async |sdk| sdk.webhooks().await)?)
        }
        WebhooksCommand::Rotate(OneWebhook { id, server }) => {
            let client = Client::new(&server)?;
            secret(&client.run(async |sdk| sdk.rotate_webhook_secret(id).await)?)
        }
        WebhooksCommand::Test(OneWebhook { id, server }) => {
            let delivery = Client::new(&server)?.run(async |sdk| sdk.test_webhook(id).await)?;
            deliveries(&[delivery])
        }
        WebhooksCommand::Remove(OneWebhook { id, server }) => {
            let removed = Client::new(&server)?.run(async |sdk| sdk.remove_webhook(id).await)?;
            Report::new(&removed, format!("{id} is removed\n"))
        }
        WebhooksCommand::Deliveries { webhook, state, since, limit, server } => {
            let filter = DeliveryFilter { webhook, state, since };
            let client = Client::new(&server)?;
            deliveries(&client.run(async |sdk| sdk.deliveries(&filter, limit).await)?)
        }
        WebhooksCommand::Replay { id, server } => {
            let delivery = Client::new(&server)?.run(async |sdk| sdk.replay_delivery(id).await)?;
            deliveries(&[delivery])
        }
    }
}

/// The text is the secret alone, so that `SECRET=$(zkpool webhooks create ...)` works.
fn secret(created: &WebhookSecretView) -> Result<Report, CliError> {
    Report::new(created, format!("{}\n", created.secret.expose()))
}

fn listed(webhooks: &[WebhookView]) -> Result<Report, CliError> {
    let mut table = Table::new(&["id", "url", "events", "created", "disabled"]);
    for WebhookView { id, url, events, created_at, disabled_at } in webhooks {
        let events: Vec<_> = events.iter().map(|kind| kind.as_str()).collect();
        table.row(vec![
            id.to_string(),
            url.clone(),
            if events.is_empty() { "all".into() } else { events.join(",") },
            created_at.to_string(),
            disabled_at.map_or_else(|| "no".into(), |at| at.to_string()),
        ]);
    }
    Report::new(&webhooks, table.render())
}

fn deliveries(deliveries: &[DeliveryView]) -> Result<Report, CliError> {
    let mut table = Table::new(&["id", "event", "state", "tries", "last answer", "next try"]);
    for delivery in deliveries {
        let last = delivery.attempts.last();
        let answer = last.map(|last| match (last.status, &last.error) {
            (Some(status), _) => status.to_string(),
            (None, error) => error.clone().unwrap_or_default(),
        });
        let next = last.and_then(|last| last.next_at);
        table.row(vec![
            delivery.id.to_string(),
            delivery.event.kind.to_string(),
            delivery.state.to_string(),
            delivery.attempts.len().to_string(),
            answer.unwrap_or_else(|| "none yet".into()),
            next.map_or_else(|| "none".into(), |at| at.to_string()),
        ]);
    }
    Report::new(&deliveries, table.render())
}
