//! What the roles of the templates may not do.

use std::error::Error;
use std::time::Duration;

use zkpool_aws::{Connection, Settings};
use zkpool_ports::{BlobKey, BlobStore, Durability, Message, Queue};
use zkpool_tests::roles::Roles;
use zkpool_tests::service::{BUCKET, Identities, QUEUE};
use zkpool_tests::standins::{AccessKey, Ministack};

use crate::standin::{bucket, connect_as, queues};

/// Something that one may or may not do.
#[derive(Clone, Copy, Debug)]
enum Act {
    Read(&'static str),
    Write(&'static str),
    Delete(&'static str),
    Send,
    Receive,
    ReceiveDead,
    CountMessages,
}

use Act::{CountMessages, Delete, Read, Receive, ReceiveDead, Send, Write};

const WITNESS: &str = "jobs/acme/1/witness";
const REQUEST: &str = "jobs/acme/1/request.json";
const OUTCOME: &str = "jobs/acme/1/outcome.json";
const KEY: &str = "api-keys/1.json";
const CIRCUIT: &str = "circuits/acme/multiplier/1.json";
const PROVING_KEY: &str = "artifacts/sha256/1";
const SWEEP_MARK: &str = "sweep/acme.json";
const LATE: &str = "late/acme/1";
const UPLOAD: &str = "uploads/acme/1.bytes";

/// What each role may not do. Others may: each of these is what some role is there for.
const DENIED: [(&str, &[Act]); 6] = [
    (
        "submit",
        &[Read(PROVING_KEY), Write(KEY), Write(CIRCUIT), Delete(OUTCOME), Receive, ReceiveDead],
    ),
    (
        "status",
        &[Read(WITNESS), Read(PROVING_KEY), Write(OUTCOME), Write(REQUEST), Delete(WITNESS), Send],
    ),
    ("circuits", &[Read(WITNESS), Write(REQUEST), Write(OUTCOME), Delete(WITNESS), Send, Receive]),
    ("sweep", &[Read(KEY), Read(PROVING_KEY), Write(REQUEST), Write(CIRCUIT), Receive]),
    (
        "prover",
        &[
            Read(KEY),
            Read(UPLOAD),
            Write(KEY),
            Write(CIRCUIT),
            Write(REQUEST),
            // The sweep's.
            Write(SWEEP_MARK),
            Delete(UPLOAD),
            Delete(LATE),
            ReceiveDead,
            CountMessages,
        ],
    ),
    ("metrics", &[Read(WITNESS), Read(REQUEST), Write(OUTCOME), Delete(WITNESS), Send, Receive]),
];

/// Does it as the client would, and returns whether that was refused for want of permission.
async fn is_denied(to: &Connection, act: Act) -> bool {
    let (blobs, queue) = (&to.blobs, &to.queue);
    let key = |name| BlobKey::new(name).unwrap();
    let now = Duration::ZERO;
    let message = || Message { id: "1".into(), group: "acme".into(), body: "not a job".into() };
    let failed: Option<Box<dyn Error>> = match act {
        Read(name) => blobs.get(&key(name), 1000).await.err().map(Into::into),
        Write(name) => {
            let written = blobs.put(&key(name), "1".into(), Durability::Durable).await;
            written.err().map(Into::into)
        }
        Delete(name) => blobs.delete(&key(name)).await.err().map(Into::into),
        Send => queue.send(message(), now).await.err().map(Into::into),
        Receive => queue.receive(1, now, now).await.err().map(Into::into),
        ReceiveDead => queue.receive_dead(1, now).await.err().map(Into::into),
        CountMessages => queue.depth().await.err().map(Into::into),
    };
    let mut cause = failed.as_deref();
    while let Some(error) = cause {
        if error.to_string().contains("AccessDenied") {
            return true;
        }
        cause = error.source();
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_do_what_is_the_work_of_another_role() {
    let ministack = Ministack::start_with(&[("AUTH", "true")]);
    ministack.create_bucket(BUCKET);
    let created = ministack.create_queues(QUEUE, 3);
    let roles = Roles::create(&ministack);
    let settings = Settings { jobs: queues(created.live, created.dead), ..bucket(BUCKET) };
    let connected =
        async |key: AccessKey| connect_as((&key.id, &key.secret), &ministack.url, &settings).await;
    let administrator = connected(AccessKey::administrator()).await;
    for (role, acts) in DENIED {
        let connection = connected(roles.access_key(role)).await;
        for act in acts {
            assert!(is_denied(&connection, *act).await, "{role} may {act:?}");
            assert!(!is_denied(&administrator, *act).await, "nobody may {act:?}");
        }
    }
}
