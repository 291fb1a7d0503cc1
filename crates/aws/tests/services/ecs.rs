//! Counting the tasks of a service.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use zkpool_aws::{EcsService, ServiceError};
use zkpool_tests::standins::{CREDENTIALS, Ministack, REGION};

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
    ministack.create_service("gpus", "provers", 3);
    let provers = service(&ministack, "provers").await;
    assert_eq!(provers.tasks().await.unwrap().desired, 3);
    let error = service(&ministack, "nobody").await.tasks().await.unwrap_err();
    assert!(matches!(error, ServiceError::Incomplete { missing: "service", .. }), "{error}");
}
