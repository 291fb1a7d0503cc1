//! What a job costs in waits for the disk.

use std::sync::Arc;
use std::time::Duration;

use zkpool_jobs::{Commit, Jobs};
use zkpool_ports::disk::DiskBlobs;
use zkpool_types::Stage;

use crate::support;

#[tokio::test]
async fn between_acceptance_and_outcome_nothing_waits_for_the_disk_but_the_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(DiskBlobs::open(folder.path()).unwrap());
    let world = support::world();
    let ports = support::ports_over(1, &world.clock, disk.clone(), world.queue.clone());
    let jobs = Jobs::new(ports, support::book());
    jobs.submit(support::new_job("warm up")).await.unwrap();

    let start = disk.fsyncs();
    jobs.submit(support::new_job("a")).await.unwrap();
    let accepted = disk.fsyncs();
    let claim = jobs.claim(Duration::ZERO).await.unwrap().unwrap();
    for stage in [Stage::Witness, Stage::Ntt, Stage::Msm, Stage::Verifying, Stage::Publishing] {
        jobs.enter(&claim, stage).await;
        jobs.heartbeat(&claim).await.unwrap();
    }
    let witness = jobs.witness(&claim).await.unwrap();
    let proved = disk.fsyncs();
    let proof = support::proof(witness.expose());
    let commit = jobs.succeed(&claim, proof, support::cpu(), support::measured()).await.unwrap();
    assert!(matches!(commit, Commit::Won(_)));
    let ended = disk.fsyncs();
    println!("submit {}, outcome {}", accepted - start, ended - proved);
    assert_eq!(proved, accepted);
    // One durable write: the file, and at most the folder it is in.
    assert!((1..=2).contains(&(ended - proved)));
}
