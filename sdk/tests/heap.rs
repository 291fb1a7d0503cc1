//! How much memory a large witness takes on its way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is the report")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use zkpool_heap::Growth;
use zkpool_sdk::{Artifact, Client, ProofRequest, Sha256Digest};

/// Length of the witness, in bytes.
const WITNESS: u64 = 256 * 1024 * 1024;

/// What sending it may take, in bytes.
const MEMORY_MAX: usize = 8 * 1024 * 1024;

const UPLOAD: &str = r#"{"id":"018f2e7a-0000-7000-8000-000000000001","url":"/upload",
    "expires_at":"2026-01-01T00:00:00Z"}"#;

/// Answers one request after another and throws away what is uploaded.
fn serve(listener: &TcpListener, uploaded: &AtomicUsize) {
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream.unwrap());
        let length = read_head(&mut stream);
        let read = std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink()).unwrap();
        uploaded.fetch_max(usize::try_from(read).unwrap(), Ordering::Relaxed);
        let head = "HTTP/1.1 201 x\r\nconnection: close\r\ncontent-length";
        write!(stream.get_mut(), "{head}: {}\r\n\r\n{UPLOAD}", UPLOAD.len()).unwrap();
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> u64 {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(text) = line.to_lowercase().strip_prefix("content-length: ") {
            length = text.trim().parse().unwrap();
        }
        if line == "\r\n" {
            return length;
        }
    }
}

async fn grown_by<T>(work: impl Future<Output = T>) -> usize {
    let growth = Growth::begin();
    work.await;
    growth.peak()
}

#[tokio::test]
async fn a_large_witness_is_never_in_memory_as_a_whole() {
    static UPLOADED: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || serve(&listener, &UPLOADED));
    let client = Client::builder(format!("zkp_{}", "0".repeat(64))).server(url).build().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(WITNESS).unwrap();

    let from_file = grown_by(async {
        client.prepare(ProofRequest::file("a", file.path())).await.unwrap();
    });
    let from_file = from_file.await;
    assert_eq!(UPLOADED.swap(0, Ordering::Relaxed) as u64, WITNESS);
    assert!(from_file < MEMORY_MAX, "{from_file} bytes from a file");

    let reader = tokio::fs::File::open(file.path()).await.unwrap();
    let from_reader = grown_by(async {
        let witness = Artifact::reader(reader, WITNESS, Sha256Digest::of(b"known before"));
        client.prepare(ProofRequest::new("a", witness)).await.unwrap();
    });
    let from_reader = from_reader.await;
    assert_eq!(UPLOADED.load(Ordering::Relaxed) as u64, WITNESS);
    assert!(from_reader < MEMORY_MAX, "{from_reader} bytes from a reader");
}
