//! Objects that are sent in parts.

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};
use zkpool_aws::S3Blobs;
use zkpool_aws::settings::PART_BYTES;
use zkpool_ports::{BlobError, BlobKey, BlobStore, ByteStream, Expected, PutOnce};
use zkpool_tests::standins::{Ministack, S3sFs};
use zkpool_types::Sha256Digest;

use crate::standin::{bucket, connect, fresh_name};

/// Two full parts and a piece.
const SIZE: u64 = 2 * PART_BYTES + 12_345;

/// The length of a piece of a stream, which divides no part.
const PIECE: usize = 1_000_003;

/// Larger than every object here.
const SIZE_MAX: u64 = 4 * PART_BYTES;

fn key() -> BlobKey {
    BlobKey::new("artifacts/sha256/x").unwrap()
}

/// Bytes that no shifted or reordered copy equals.
fn pattern(seed: u32) -> Bytes {
    let size = u32::try_from(SIZE).unwrap();
    (0..size).map(|at| (at ^ seed).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

fn expected(body: &Bytes) -> Expected {
    Expected { size: body.len() as u64, sha256: Sha256Digest::of(body) }
}

fn pieces(body: &Bytes) -> ByteStream {
    let body = body.clone();
    let starts = (0..body.len()).step_by(PIECE);
    stream::iter(starts.map(move |at| Ok(body.slice(at..body.len().min(at + PIECE))))).boxed()
}

/// What has to hold of parts wherever they are sent.
async fn parts_are_put_together_once(blobs: &S3Blobs) {
    let body = pattern(1);
    let wrong = Expected { sha256: Sha256Digest::of(b"other"), ..expected(&body) };
    let refused = blobs.put_stream_once(&key(), pieces(&body), wrong).await;
    assert!(matches!(refused, Err(BlobError::DigestMismatch { .. })), "{refused:?}");
    assert_eq!(blobs.head(&key()).await.unwrap(), None);
    let created = blobs.put_stream_once(&key(), pieces(&body), expected(&body)).await.unwrap();
    assert_eq!(created, PutOnce::Created);
    assert!(blobs.get(&key(), SIZE_MAX).await.unwrap() == body, "other bytes");
    let other = pattern(2);
    let again = blobs.put_stream_once(&key(), pieces(&other), expected(&other)).await.unwrap();
    assert_eq!(again, PutOnce::AlreadyExists);
    let refused = blobs.put_stream_once(&key(), pieces(&other), wrong).await;
    assert!(matches!(refused, Err(BlobError::DigestMismatch { .. })), "{refused:?}");
    let copy = BlobKey::new("copy").unwrap();
    assert_eq!(blobs.copy_once(&key(), &copy).await.unwrap(), PutOnce::Created);
    assert!(blobs.get(&copy, SIZE_MAX).await.unwrap() == body, "other bytes in the copy");
}

/// The names of uploads that were begun and neither completed nor given up.
fn unfinished(ministack: &Ministack, bucket: &str) -> String {
    let (head, tail) = ("<UploadId>", "</UploadId>");
    let listing = ministack.get(&format!("{bucket}?uploads"));
    let ids = listing.split(head).skip(1).filter_map(|rest| rest.split_once(tail));
    ids.map(|(id, _)| id).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_parts_is_created_once_and_leaves_no_parts_on_ministack() {
    let (ministack, name) = (Ministack::start(), fresh_name());
    ministack.create_bucket(&name);
    let blobs = connect(&ministack.url, &bucket(&name)).await.blobs;
    parts_are_put_together_once(&blobs).await;
    assert_eq!(unfinished(&ministack, &name), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_parts_is_created_once_on_s3s_fs() {
    let (s3s, name) = (S3sFs::start(), fresh_name());
    s3s.create_bucket(&name);
    parts_are_put_together_once(&connect(&s3s.url, &bucket(&name)).await.blobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_of_objects_of_parts_has_one_winner() {
    let (ministack, name) = (Ministack::start(), fresh_name());
    ministack.create_bucket(&name);
    let blobs = connect(&ministack.url, &bucket(&name)).await.blobs;
    let bodies: Vec<_> = (0..4).map(pattern).collect();
    let key = key();
    let writes =
        bodies.iter().map(|body| blobs.put_stream_once(&key, pieces(body), expected(body)));
    let written = try_join_all(writes).await.unwrap();
    let winners: Vec<_> =
        (0..).zip(&written).filter(|(_, put)| **put == PutOnce::Created).collect();
    let [(winner, _)] = winners[..] else { panic!("{written:?}") };
    let stored = blobs.get(&key, SIZE_MAX).await.unwrap();
    assert!(stored == bodies[winner], "the bytes are another one's");
    assert_eq!(unfinished(&ministack, &name), "");
}
