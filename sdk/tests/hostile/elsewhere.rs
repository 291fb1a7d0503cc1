//! Answers that the server leads to because they are too large for it to send.

use zkpool_sdk::{CostFile, CostQuery, ErrorCode};

use crate::server::{Reply, Server};

fn led_to(address: &str) -> Reply {
    Reply::text(307, "text/plain", "").with("location", address)
}

#[tokio::test]
async fn a_report_that_lies_elsewhere_is_fetched_there_without_the_key() {
    let bucket = Server::start(|_, _| Reply::text(200, "text/csv", "BilledCost\r\n")).await;
    let address = format!("{}/reports/november.csv?signature=1", bucket.url);
    let server = Server::start(move |_, _| led_to(&address)).await;
    let file = server.client().costs_file(&CostQuery::default(), CostFile::Csv).await.unwrap();
    assert_eq!(&file[..], b"BilledCost\r\n");
    assert!(server.seen()[0].header("authorization").is_some());
    let [fetched] = &bucket.seen()[..] else { panic!("not one request") };
    assert!(fetched.is("GET /reports/november.csv?signature=1 "), "{}", fetched.line);
    assert_eq!(fetched.header("authorization"), None);
}

#[tokio::test]
async fn a_call_that_is_no_report_is_led_nowhere_and_no_report_is_led_on() {
    let bucket = Server::start(|_, _| led_to("http://127.0.0.1:1/on")).await;
    let address = bucket.url.clone();
    let server = Server::start(move |_, _| led_to(&address)).await;
    assert!(server.client().budgets().await.is_err());
    assert!(bucket.seen().is_empty());
    assert!(server.client().costs(&CostQuery::default()).await.is_err());
    assert_eq!(bucket.seen().len(), 1);
}

#[tokio::test]
async fn a_report_that_is_too_large_says_so() {
    let server = Server::start(|_, _| Reply::problem(ErrorCode::ReportTooLarge)).await;
    let error = server.client().costs(&CostQuery::default()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ReportTooLarge));
}
