//! Counting the tasks of a service.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use serde_json::{Value, json};
use zkpool_aws::{EcsService, ServiceError};
use zkpool_tests::standins::{CREDENTIALS, Ministack, REGION};

/// Calls an operation of ECS.
fn call(ministack: &Ministack, operation: &str, body: &Value) {
    let (key, _) = CREDENTIALS;
    let credential = format!("Credential={key}/20260101/{REGION}/ecs/aws4_request");
    ureq::post(&ministack.url)
        .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, Signature=0"))
        .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
        .content_type("application/x-amz-json-1.1")
        .send(body.to_string())
        .unwrap();
}

async fn service(ministack: &Ministack, name: &str) -> EcsService {
    let (key, secret) = CREDENTIALS;
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new(key, secret, None, None, "tests"))
        .endpoint_url(&ministack.url);
    EcsService::over(loader, "gpus", name).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_that_should_be_are_counted_and_a_service_that_is_not_there_has_none() {
    let ministack = Ministack::start();
    call(&ministack, "CreateCluster", &json!({ "clusterName": "gpus" }));
    let container = json!({ "name": "prover", "image": "prover" });
    let task = json!({ "family": "prover", "containerDefinitions": [container] });
    call(&ministack, "RegisterTaskDefinition", &task);
    let created = json!({
        "cluster": "gpus", "serviceName": "provers", "taskDefinition": "prover", "desiredCount": 3,
    });
    call(&ministack, "CreateService", &created);
    let provers = service(&ministack, "provers").await;
    assert_eq!(provers.tasks().await.unwrap().desired, 3);
    let error = service(&ministack, "nobody").await.tasks().await.unwrap_err();
    assert!(matches!(error, ServiceError::Incomplete { missing: "service", .. }), "{error}");
}
