//! A proof's whole way over AWS while S3 and SQS fail, and while processes die on it.
//!
//! Functions and provers are processes that reach the stand-in through a proxy. What became of the
//! jobs is read from the records.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use zkpool_tests::proxy::{Fate, Seen, first};
use zkpool_tests::records::all_succeeded_and_are_charged_once;
use zkpool_tests::service::{BUCKET, Service};

use crate::aws::{PROVEN_WITHIN, request, wait_until};

/// Jobs of a test.
const JOBS: usize = 8;

/// How long all of them may take while messages come late, come again and are not deleted.
const ALL_WITHIN: Duration = Duration::from_secs(240);

/// Longer than a message stays hidden on its way to a prover: another one receives it meanwhile.
const LATE: Duration = Duration::from_secs(7);

/// Age that a job has when the sweep finds that its message may be lost, and some more.
const OVERLOOKED_AFTER_S: i64 = 150;

/// Counts requests of one kind, and gives each its turn's fate.
struct Turns {
    count: AtomicUsize,
    fates: &'static [Fate],
}

impl Turns {
    const fn new(fates: &'static [Fate]) -> Self {
        Self { count: AtomicUsize::new(0), fates }
    }

    fn next(&self) -> Fate {
        let turn = self.count.fetch_add(1, Ordering::Relaxed);
        self.fates[turn % self.fates.len()]
    }
}

use Fate::{
    AnsweredLate, AppliedButRefused, AppliedButUnanswered, AppliedTwice, CutInHalf, Passes, Refused,
};

/// What happens to every kind of request, in turns. The counts of turns have no common divisor with
/// those of tries, so that a repetition meets another fate.
static WRITES: Turns = Turns::new(&[
    Passes,
    Refused(503, "SlowDown"),
    Passes,
    AppliedButRefused(500, "InternalError"),
    Passes,
    AppliedButUnanswered,
    Passes,
]);
static READS: Turns = Turns::new(&[
    Passes,
    Passes,
    Refused(500, "InternalError"),
    Passes,
    CutInHalf,
    Passes,
    Refused(503, "SlowDown"),
]);
static SENDS: Turns =
    Turns::new(&[AppliedTwice, Refused(500, "InternalError"), AppliedButUnanswered]);
static RECEIVES: Turns = Turns::new(&[Passes, AnsweredLate(LATE), AppliedButUnanswered, Passes]);
static DELETIONS: Turns = Turns::new(&[Refused(500, "InternalError"), Passes, AppliedTwice]);

fn storm(seen: &Seen) -> Fate {
    match (seen.target.as_deref(), &seen.method) {
        (Some("AmazonSQS.SendMessage"), _) => SENDS.next(),
        (Some("AmazonSQS.ReceiveMessage"), _) => RECEIVES.next(),
        (Some("AmazonSQS.DeleteMessage"), _) => DELETIONS.next(),
        (None, &Method::PUT) => WRITES.next(),
        (None, &Method::GET) => READS.next(),
        _ => Passes,
    }
}

/// Submits until it is accepted, as a client does that is told to try again.
fn submit(service: &Service, key: &str) -> String {
    let start = Instant::now();
    loop {
        let answer = service.client().submit(key, &request());
        if answer.status < 300 {
            return answer.body["id"].as_str().unwrap().to_owned();
        }
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(start.elapsed() < ALL_WITHIN, "it is never accepted");
    }
}

#[test]
fn no_fault_on_the_way_loses_a_job_or_charges_it_twice() {
    let service = Service::start_behind(storm);
    service.register();
    let provers = [service.start_prover(), service.start_prover()];
    let mut jobs: Vec<_> = (0..JOBS).map(|job| submit(&service, &format!("order-{job}"))).collect();
    let again: Vec<_> = (0..JOBS).map(|job| submit(&service, &format!("order-{job}"))).collect();
    assert_eq!(again, jobs, "the same requests again are the same jobs");
    let outcome = |job: &String| service.has_object(&format!("jobs/acme/{job}/outcome.json"));
    wait_until("every job has ended", ALL_WITHIN, || jobs.iter().all(outcome));
    wait_until("every message is gone", ALL_WITHIN, || {
        service.messages(&service.queues.live) == (0, 0)
    });
    jobs.sort();
    assert_eq!(all_succeeded_and_are_charged_once(&service), jobs);
    let faults = service.proxy.as_ref().unwrap().failed().len();
    assert!(faults > 10 * JOBS, "only {faults} requests failed");
    drop(provers);
}

fn is_send(seen: &Seen) -> bool {
    seen.target.as_deref() == Some("AmazonSQS.SendMessage")
}

/// The requests of jobs that are stored.
fn requests(service: &Service) -> Vec<String> {
    let keys = service.aws.keys(BUCKET, "jobs/acme/").into_iter();
    keys.filter(|key| key.ends_with("/request.json")).collect()
}

#[test]
fn a_function_that_dies_between_record_and_message_loses_no_job() {
    let service = Service::start_behind(first(1, is_send, Fate::Lost));
    service.register();
    let client = service.client();
    let answered = thread::spawn(move || client.submit("order-1", &request()).status);
    let sending = || service.proxy.as_ref().unwrap().seen().iter().any(is_send);
    wait_until("the message is being sent", PROVEN_WITHIN, sending);
    service.functions.submit.kill();
    assert!(answered.join().unwrap() >= 500, "it was accepted");
    let [record] = requests(&service).try_into().unwrap();
    assert_eq!(service.messages(&service.queues.live), (0, 0));
    let sweep = service.start_function("sweep");
    assert_eq!(sweep.invoke(&json!({}))["reenqueued"], 0, "its message may be on its way");
    date_back(&service, &record);
    assert_eq!(sweep.invoke(&json!({}))["reenqueued"], 1);
    assert_eq!(sweep.invoke(&json!({}))["reenqueued"], 0, "its message was sent just now");
    assert_eq!(service.messages(&service.queues.live), (1, 0));
    let _prover = service.start_prover();
    let job = record.split('/').nth(2).unwrap();
    let view = service.client().poll(job, PROVEN_WITHIN, |view| view["state"] == "succeeded");
    assert_eq!(view["attempt"]["number"], 1);
    assert_eq!(all_succeeded_and_are_charged_once(&service), [job]);
}

/// Lets a job have been accepted some minutes ago, in the place of waiting for them.
fn date_back(service: &Service, record: &str) {
    let mut request = service.aws.json(BUCKET, record);
    let accepted: jiff::Timestamp = request["accepted_at"].as_str().unwrap().parse().unwrap();
    let earlier = accepted - jiff::SignedDuration::from_secs(OVERLOOKED_AFTER_S);
    request["accepted_at"] = Value::from(earlier.to_string());
    service.aws.put_json(BUCKET, record, &request);
}
