//! Large witnesses on their way: streamed, whole, and without the key.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use zkpool_sdk::{Artifact, ErrorKind, ProofRequest, Sha256Digest, Step};

use crate::pool::JOB;
use crate::server::{Reply, Request, Server};

/// More than fits into a request.
const LARGE: usize = 5_000_000;

fn large() -> Vec<u8> {
    (0..=250).cycle().take(LARGE).collect()
}

/// A server that takes uploads and fails the first `failures` of them half way.
async fn taking(failures: usize) -> Server {
    let left = Mutex::new(failures);
    Server::start(move |_, request: &Request| {
        if request.is("POST /v1/uploads") {
            let view = json!({
                "id": JOB, "url": "/v1/uploads/x?token=signed", "headers": { "x-asked-for": "yes" },
                "expires_at": "2026-01-01T00:00:00Z",
            });
            return Reply::json(201, &view);
        }
        let mut left = left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Reply::Cut(10);
        }
        Reply::text(204, "text/plain", "")
    })
    .await
}

fn uploads(server: &Server) -> Vec<Request> {
    server.seen().into_iter().filter(|request| request.is("PUT ")).collect()
}

#[tokio::test]
async fn a_large_file_is_uploaded_and_the_submission_names_the_upload() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&large()).unwrap();
    let server = taking(2).await;
    let (hashed, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = (Arc::clone(&hashed), Arc::clone(&sent));
    let witness = Artifact::file(file.path()).on_progress(move |step| {
        let _ = match step {
            Step::Hashed(bytes) => counts.0.fetch_add(bytes, Ordering::Relaxed),
            Step::Sent(bytes) => counts.1.fetch_add(bytes, Ordering::Relaxed),
            _ => 0,
        };
    });
    let submission = server.client().prepare(ProofRequest::new("a", witness)).await.unwrap();
    let stored = serde_json::to_string(&submission).unwrap();
    assert!(stored.contains(JOB) && stored.len() < 1000, "{stored}");

    let announced = server.seen()[0].json();
    assert_eq!(announced["size"], LARGE);
    assert_eq!(announced["sha256"], Sha256Digest::of(&large()).to_string());
    let uploads = uploads(&server);
    assert_eq!(uploads.len(), 3);
    let whole = uploads.last().unwrap();
    assert_eq!(whole.body, large());
    assert_eq!(whole.header("x-asked-for"), Some("yes"));
    assert_eq!(whole.header("authorization"), None, "the key went to the upload's address");
    assert_eq!(hashed.load(Ordering::Relaxed), LARGE as u64);
    assert!(sent.load(Ordering::Relaxed) >= LARGE as u64);
}

#[tokio::test]
async fn large_bytes_in_memory_are_uploaded_too() {
    let server = taking(1).await;
    server.client().prepare(ProofRequest::new("a", large())).await.unwrap();
    assert_eq!(uploads(&server).last().unwrap().body, large());
}

#[tokio::test]
async fn a_reader_is_sent_once() {
    let reader = || {
        let bytes = large();
        let sha256 = Sha256Digest::of(&bytes);
        Artifact::reader(std::io::Cursor::new(bytes), LARGE as u64, sha256)
    };
    let server = taking(0).await;
    server.client().prepare(ProofRequest::new("a", reader())).await.unwrap();
    assert_eq!(uploads(&server)[0].body, large());

    let server = taking(1).await;
    let error = server.client().prepare(ProofRequest::new("a", reader())).await.unwrap_err();
    assert_eq!((error.kind(), uploads(&server).len()), (ErrorKind::Passing, 1));
}

#[tokio::test]
async fn a_small_reader_with_other_bytes_than_announced_is_rejected() {
    let server = taking(0).await;
    for (size, sha256) in [(3, Sha256Digest::of(b"abd")), (2, Sha256Digest::of(b"ab"))] {
        let witness = Artifact::reader(b"abc".as_slice(), size, sha256);
        let refused = server.client().prepare(ProofRequest::new("a", witness)).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Local);
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let server = taking(0).await;
    let request = ProofRequest::file("a", "/nonexistent/witness.wtns");
    let error = server.client().prepare(request).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read /nonexistent/witness.wtns: "), "{error}");
}
