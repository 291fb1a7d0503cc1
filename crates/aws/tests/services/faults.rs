//! The bucket while S3 fails.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use zkpool_aws::S3Blobs;
use zkpool_aws::settings::{PART_BYTES, TRIES_MAX};
use zkpool_ports::{BlobError, BlobKey, BlobStore, ByteStream, Expected, PutOnce};
use zkpool_tests::proxy::{Fate, Proxy, Seen, first};
use zkpool_tests::standins::Ministack;
use zkpool_types::Sha256Digest;

use crate::standin::{bucket, connect, fresh_name};

fn key() -> BlobKey {
    BlobKey::new("jobs/p/1/outcome.json").unwrap()
}

fn is_put(seen: &Seen) -> bool {
    seen.method == Method::PUT && seen.path_and_query.contains("outcome.json")
}

fn is_get(seen: &Seen) -> bool {
    seen.method == Method::GET && seen.path_and_query.contains("outcome.json")
}

/// The request that makes an object of its parts.
fn is_completion(seen: &Seen) -> bool {
    seen.method == Method::POST && seen.path_and_query.contains("uploadId=")
}

/// A bucket of a ministack, once through a proxy and once beside it.
struct Faulty {
    _ministack: Ministack,
    proxy: Proxy,
    through: S3Blobs,
    beside: S3Blobs,
}

async fn faulty(plan: impl Fn(&Seen) -> Fate + Send + Sync + 'static) -> Faulty {
    let ministack = Ministack::start();
    let name = fresh_name();
    ministack.create_bucket(&name);
    let proxy = Proxy::start(&ministack.url, plan);
    let through = connect(&proxy.url, &bucket(&name)).await.blobs;
    let beside = connect(&ministack.url, &bucket(&name)).await.blobs;
    Faulty { _ministack: ministack, proxy, through, beside }
}

fn large() -> Bytes {
    Bytes::from(vec![7; usize::try_from(PART_BYTES).unwrap() + 1])
}

fn streamed(body: &Bytes) -> (ByteStream, Expected) {
    let expected = Expected { size: body.len() as u64, sha256: Sha256Digest::of(body) };
    (stream::iter([Ok(body.clone())]).boxed(), expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_applied_but_refused_is_known_to_be_ones_own() {
    for fate in [Fate::AppliedButRefused(500, "InternalError"), Fate::AppliedButUnanswered] {
        let on = faulty(first(1, is_put, fate)).await;
        let mine = on.through.put_once(&key(), Bytes::from_static(b"mine")).await.unwrap();
        assert_eq!(mine, PutOnce::Created, "{fate:?}");
        assert_eq!(on.proxy.failed().len(), 1, "{fate:?}");
        let other = on.beside.put_once(&key(), Bytes::from_static(b"mine")).await.unwrap();
        assert_eq!(other, PutOnce::AlreadyExists, "the same bytes from another writer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_is_lost_also_when_its_first_try_was_refused() {
    let on = faulty(first(1, is_put, Fate::Refused(503, "SlowDown"))).await;
    on.beside.put_once(&key(), Bytes::from_static(b"theirs")).await.unwrap();
    let mine = on.through.put_once(&key(), Bytes::from_static(b"mine")).await.unwrap();
    assert_eq!(mine, PutOnce::AlreadyExists);
    assert_eq!(on.through.get(&key(), 10).await.unwrap(), "theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_tried_again_and_not_taken_for_a_lost_race() {
    let on = faulty(first(2, is_put, Fate::Refused(409, "ConditionalRequestConflict"))).await;
    let mine = on.through.put_once(&key(), Bytes::from_static(b"mine")).await.unwrap();
    assert_eq!(mine, PutOnce::Created);
    assert_eq!(on.proxy.failed().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_does_not_end_is_an_error_and_stores_nothing() {
    let endless = first(usize::MAX, is_put, Fate::Refused(409, "ConditionalRequestConflict"));
    let on = faulty(endless).await;
    let written = on.through.put_once(&key(), Bytes::from_static(b"mine")).await;
    assert!(matches!(written, Err(BlobError::Storage { .. })), "{written:?}");
    assert_eq!(on.beside.head(&key()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_waited_for_as_often_as_the_settings_say() {
    let tries = usize::try_from(TRIES_MAX).unwrap();
    for fate in [Fate::Refused(500, "InternalError"), Fate::Refused(503, "SlowDown")] {
        let on = faulty(first(tries - 1, is_put, fate)).await;
        let written = on.through.put_once(&key(), Bytes::from_static(b"mine")).await.unwrap();
        assert_eq!(written, PutOnce::Created, "{fate:?}");
        let on = faulty(first(usize::MAX, is_put, fate)).await;
        let written = on.through.put_once(&key(), Bytes::from_static(b"mine")).await;
        assert!(matches!(written, Err(BlobError::Storage { .. })), "{fate:?}: {written:?}");
        assert_eq!(on.proxy.failed().len(), tries, "{fate:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_was_applied_but_unanswered_is_known_to_be_ones_own() {
    for fate in [Fate::AppliedButRefused(500, "InternalError"), Fate::AppliedButUnanswered] {
        let on = faulty(first(1, is_completion, fate)).await;
        let (body, expected) = streamed(&large());
        let mine = on.through.put_stream_once(&key(), body, expected).await.unwrap();
        assert_eq!(mine, PutOnce::Created, "{fate:?}");
        assert_eq!(on.proxy.failed().len(), 1, "{fate:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_its_connection_broke() {
    let on = faulty(first(3, is_get, Fate::CutInHalf)).await;
    let body: Bytes =
        (0..1_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    on.beside.put_once(&key(), body.clone()).await.unwrap();
    let (_, read) = on.through.get_stream(&key()).await.unwrap();
    let read: Vec<Bytes> = read.try_collect().await.unwrap();
    assert!(read.concat() == body);
    let ranges: Vec<_> = on.proxy.seen().into_iter().filter_map(|seen| seen.range).collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_does_not_go_on_in_another_version() {
    let on = faulty(first(1, is_get, Fate::CutInHalf)).await;
    on.beside.put_once(&key(), Bytes::from(vec![1; 100_000])).await.unwrap();
    let (_, read) = on.through.get_stream(&key()).await.unwrap();
    on.beside.delete(&key()).await.unwrap();
    on.beside.put_once(&key(), Bytes::from(vec![2; 100_000])).await.unwrap();
    let read: Result<Vec<Bytes>, _> = read.try_collect().await;
    assert!(read.is_err(), "bytes of two versions were joined");
}
