//! Events of a queue: batches of messages, of which each fails or succeeds by itself.

use futures_util::future::join_all;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use serde::{Deserialize, Serialize};
use zkpool_functions::Context;
use zkpool_webhooks::http::HttpSender;
use zkpool_webhooks::{AddressPolicy, Sender};

/// A batch of messages of SQS.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    records: Vec<Record>,
}

/// A message, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
}

/// Which messages are to come again; the others are deleted.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Tells webhooks for each batch until the process is ended.
pub(crate) async fn run(context: Context) -> Result<(), Error> {
    let sender = HttpSender::new(AddressPolicy::Public)?;
    let handler = |event: LambdaEvent<Batch>| tell(&context, &sender, event.payload);
    lambda_runtime::run(service_fn(handler)).await
}

/// Handles the messages of a batch at once. Lambda bounds how many there are.
async fn tell(context: &Context, sender: &dyn Sender, batch: Batch) -> Result<Failures, Error> {
    let each = batch.records.into_iter().map(async |Record { message_id, body }| {
        let handled = context.webhooks().handle(&body, sender).await;
        handled.err().map(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, message_id, "a notice comes again");
            Failure { item_identifier: message_id }
        })
    });
    let failures = join_all(each).await;
    Ok(Failures { batch_item_failures: failures.into_iter().flatten().collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_and_its_failures_have_the_form_of_lambda() {
        let batch: Batch = serde_json::from_value(json!({
            "Records": [{ "messageId": "m", "body": "b", "eventSource": "aws:sqs" }],
        }))
        .unwrap();
        assert_eq!(batch.records[0].message_id, "m");
        let failure = Failure { item_identifier: "m".into() };
        let failures = Failures { batch_item_failures: vec![failure] };
        let expected = json!({ "batchItemFailures": [{ "itemIdentifier": "m" }] });
        assert_eq!(serde_json::to_value(failures).unwrap(), expected);
    }
}
