//! Requests that others make without credentials.

use std::time::Duration;

use zkpool_aws::S3Blobs;
use zkpool_aws::settings::SIGNED_PUT_BYTES_MAX;
use zkpool_ports::{BlobError, BlobKey, BlobStore, Expected, SignedRequest};
use zkpool_tests::standins::{Ministack, S3sFs};
use zkpool_types::Sha256Digest;

use crate::standin::{bucket, connect, fresh, fresh_name};

const LIFETIME: Duration = Duration::from_secs(60);
const BODY: &[u8] = b"a witness";

fn key() -> BlobKey {
    BlobKey::new("uploads/p/1.bytes").unwrap()
}

fn announced() -> Expected {
    Expected { size: BODY.len() as u64, sha256: Sha256Digest::of(BODY) }
}

/// Sends a signed PUT with this body and returns the status.
fn put(request: &SignedRequest, body: &'static [u8]) -> u16 {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let headers = request.headers.iter();
    let call = headers
        .fold(agent.put(request.url.expose()), |call, (name, value)| call.header(name, value));
    call.send(body).unwrap().status().as_u16()
}

fn get(request: &SignedRequest) -> Vec<u8> {
    let headers = request.headers.iter();
    let call = headers
        .fold(ureq::get(request.url.expose()), |call, (name, value)| call.header(name, value));
    call.call().unwrap().body_mut().read_to_vec().unwrap()
}

async fn upload_request(blobs: &S3Blobs) -> SignedRequest {
    blobs.upload_request(&key(), announced(), LIFETIME).await.unwrap().unwrap()
}

/// What has to hold of signed requests wherever signatures are checked.
async fn only_the_announced_bytes_are_taken(blobs: &S3Blobs) {
    let request = upload_request(blobs).await;
    assert_eq!(put(&request, b"A WITNESS"), 400, "other bytes of the same length");
    assert_eq!(put(&request, b"a longer witness"), 403, "a longer body");
    let bare = SignedRequest { headers: Vec::new(), ..request.clone() };
    assert_eq!(put(&bare, BODY), 403, "without the signed headers");
    let elsewhere = request.url.expose().replace("1.bytes", "2.bytes");
    let elsewhere = SignedRequest {
        url: zkpool_types::Secret::new(elsewhere),
        headers: request.headers.clone(),
    };
    assert_eq!(put(&elsewhere, BODY), 403, "another key");
    assert_eq!(put(&request, BODY), 200);
    assert_eq!(put(&request, BODY), 200, "the same bytes again");
    assert_eq!(blobs.get(&key(), 100).await.unwrap(), BODY);
    let download = blobs.download_request(&key(), LIFETIME).await.unwrap().unwrap();
    assert_eq!(get(&download), BODY);
    assert_eq!(download.headers, [], "a redirect carries no headers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_put_takes_only_the_announced_bytes_on_ministack() {
    let ministack = Ministack::start();
    let blobs = fresh(&ministack).await.blobs;
    assert_eq!(put(&upload_request(&blobs).await, b"A WITNESS"), 400);
    // s3s-fs refuses such bytes too, and keeps them.
    assert_eq!(blobs.head(&key()).await.unwrap(), None);
    only_the_announced_bytes_are_taken(&blobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_put_takes_only_the_announced_bytes_on_s3s_fs() {
    let (s3s, name) = (S3sFs::start(), fresh_name());
    s3s.create_bucket(&name);
    only_the_announced_bytes_are_taken(&connect(&s3s.url, &bucket(&name)).await.blobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_names_its_key_of_kms_and_prints_no_address() {
    let ministack = Ministack::start();
    let settings = zkpool_aws::Settings { kms_key: Some("alias/zkpool".to_owned()), ..bucket("b") };
    let blobs = connect(&ministack.url, &settings).await.blobs;
    let request = upload_request(&blobs).await;
    let header = |wanted: &str| {
        let found = request.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(header("x-amz-server-side-encryption-aws-kms-key-id"), Some("alias/zkpool"));
    assert!(!format!("{request:?}").contains("X-Amz-Signature"), "{request:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_put_cannot_carry_is_rejected_before_it_is_sent() {
    let ministack = Ministack::start();
    let blobs = fresh(&ministack).await.blobs;
    let sha256 = Sha256Digest::of(b"");
    let key = key();
    let request = |size| blobs.upload_request(&key, Expected { size, sha256 }, LIFETIME);
    assert!(request(SIGNED_PUT_BYTES_MAX).await.unwrap().is_some());
    let refused = request(SIGNED_PUT_BYTES_MAX + 1).await;
    let is_refused = matches!(refused, Err(BlobError::TooLarge { max: SIGNED_PUT_BYTES_MAX, .. }));
    assert!(is_refused, "{refused:?}");
}
