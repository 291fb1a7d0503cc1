//! Somebody who keeps the provers busy, and asks again when nobody answers.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api::Client;
use crate::server::pause;
use crate::workspace::rollup;

/// Jobs that wait before no more are submitted.
const QUEUED_MAX: usize = 4;

/// Batches of the rollup that there are witnesses of.
const BATCHES: usize = 8;

/// Every so many jobs the same request is sent once more after it was accepted.
const REPEATED_EVERY: usize = 4;

/// A running requester.
pub(super) struct Requester {
    finished: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Requester {
    pub(super) fn start(client: Client, circuit: String) -> Self {
        let finished = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&finished);
        let thread = thread::spawn(move || {
            let mut accepted = BTreeSet::new();
            for number in 0.. {
                let is_finished = || stop.load(Ordering::Relaxed);
                // What waits may be dead letters, which only a sweep ends.
                while !is_finished() && in_state(&client, "queued").len() >= QUEUED_MAX {
                    pause();
                }
                if is_finished() {
                    break;
                }
                assert!(accepted.insert(submit(&client, &circuit, number)), "an id came twice");
            }
            accepted
        });
        Self { finished, thread }
    }

    /// The ids of all jobs that were accepted.
    pub(super) fn finish(self) -> BTreeSet<String> {
        self.finished.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Submits a job until it is accepted.
fn submit(client: &Client, circuit: &str, number: usize) -> String {
    let witness = fs::read(rollup(&format!("batches/{}.wtns", number % BATCHES + 1))).unwrap();
    let body = json!({ "circuit": circuit, "witness": { "base64": STANDARD.encode(witness) } });
    let key = format!("order-{number}");
    let id = accepted(client, &key, &body);
    if number.is_multiple_of(REPEATED_EVERY) {
        assert_eq!(accepted(client, &key, &body), id, "the same request is the same job");
    }
    id
}

fn accepted(client: &Client, key: &str, body: &Value) -> String {
    loop {
        match client.try_submit(key, body) {
            Some(answer) if answer.status < 300 => {
                return answer.body["id"].as_str().unwrap().to_owned();
            }
            Some(answer) => assert!(answer.status >= 500, "{} {}", answer.status, answer.body),
            None => {}
        }
        pause();
    }
}

/// Jobs in this state, asked for until somebody answers.
pub(super) fn in_state(client: &Client, state: &str) -> Vec<String> {
    loop {
        let listed = client.try_get(&format!("/v1/proofs?state={state}"));
        if let Some(answer) = listed.filter(|answer| answer.status < 300) {
            let items = answer.body["items"].as_array().unwrap();
            return items.iter().map(|view| view["id"].as_str().unwrap().to_owned()).collect();
        }
        pause();
    }
}
