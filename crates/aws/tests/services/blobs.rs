//! The bucket.

use zkpool_ports::conformance;
use zkpool_tests::standins::{Ministack, S3sFs};

use crate::standin::{bucket, connect, fresh, fresh_name};

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_conforms_on_ministack() {
    let ministack = Ministack::start();
    conformance::blob_store(async || fresh(&ministack).await.blobs).await.unwrap();
}

/// Checks that s3s-fs fails by what it is: it keeps objects as files, so that the head of a
/// folder is an error and `a//` the same as `a/`.
const FAILED_BY_S3S_FS: [&str; 2] =
    ["a_prefix_of_a_key_is_no_object", "a_prefix_that_no_key_has_lists_nothing"];

/// Checks that s3s-fs fails now and then: it looks whether an object exists and then writes it,
/// so that more than one of several conditional writes can win.
const RACES: [&str; 2] = ["a_race_to_create_has_one_winner", "a_race_of_streams_has_one_winner"];

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_conforms_on_s3s_fs_but_for_what_that_cannot_do() {
    let s3s = S3sFs::start();
    let make = async || {
        let name = fresh_name();
        s3s.create_bucket(&name);
        connect(&s3s.url, &bucket(&name)).await.blobs
    };
    let mut failures = conformance::blob_store_failures(make).await;
    failures.retain(|failure| !RACES.contains(&failure.check));
    let checks: Vec<_> = failures.iter().map(|failure| failure.check).collect();
    assert_eq!(checks, FAILED_BY_S3S_FS, "{failures:#?}");
}
