//! Circuits, uploads and lists, over ports in memory and virtual time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use zkpool_jobs::{
    CircuitError, Circuits, JobFilter, NewJob, SubmitError, UploadError, Uploads, WitnessSource,
    keys,
};
use zkpool_ports::{BlobStore, ByteStream};
use zkpool_types::api::CreateUpload;
use zkpool_types::limits::{UPLOAD_BYTES_MAX, UPLOAD_LIFETIME_S};
use zkpool_types::{
    ArtifactRef, CircuitManifest, CircuitRef, Curve, ErrorCode, JobId, JobState, ProofSystemKind,
    Sha256Digest, Upload,
};

use crate::support::{World, circuit, new_job, project, world};

fn manifest(world: &World, name: &str, key: &[u8]) -> CircuitManifest {
    let sha256 = Sha256Digest::of(key);
    CircuitManifest {
        project: project(),
        circuit: CircuitRef::of_key(name, &sha256).unwrap(),
        proof_system: ProofSystemKind::Groth16,
        curve: Curve::Bn254,
        proving_key: ArtifactRef { sha256, size: key.len() as u64 },
        verification_key: ArtifactRef { sha256: Sha256Digest::of(b"vk"), size: 2 },
        generator: None,
        domain_size: 8,
        variables: 5,
        public_inputs: 1,
        development: false,
        created_at: world.ports.clock.now(),
    }
}

fn bytes_of(text: &'static str) -> ByteStream {
    stream::iter(text.as_bytes().chunks(3).map(|chunk| Ok(Bytes::from_static(chunk)))).boxed()
}

async fn announce(uploads: &Uploads, text: &str) -> Upload {
    let sha256 = Sha256Digest::of(text.as_bytes());
    let announced = CreateUpload { size: text.len() as u64, sha256 };
    uploads.create(&project(), &announced).await.unwrap()
}

#[tokio::test]
async fn a_circuit_registered_twice_is_registered_once() {
    let world = world();
    let circuits = Circuits::new(world.ports.clone());
    let first = circuits.register(manifest(&world, "transfer", b"key")).await.unwrap();
    world.pass(60);
    let again = circuits.register(manifest(&world, "transfer", b"key")).await.unwrap();
    assert!(first.created && !again.created);
    assert_eq!(first.manifest, again.manifest);
}

#[tokio::test]
async fn a_version_with_other_properties_is_rejected() {
    let world = world();
    let circuits = Circuits::new(world.ports.clone());
    circuits.register(manifest(&world, "transfer", b"key")).await.unwrap();
    let other = CircuitManifest { variables: 6, ..manifest(&world, "transfer", b"key") };
    let error = circuits.register(other).await.unwrap_err();
    assert!(matches!(error, CircuitError::VersionTaken(_)));
}

#[tokio::test]
async fn a_version_keeps_its_generator_or_its_lack_of_one() {
    let world = world();
    let circuits = Circuits::new(world.ports.clone());
    let with = |name: &str, generator: &[u8]| {
        let sha256 = Sha256Digest::of(generator);
        let generator = Some(ArtifactRef { sha256, size: generator.len() as u64 });
        CircuitManifest { generator, ..manifest(&world, name, b"key") }
    };
    let first = circuits.register(with("transfer", b"module")).await.unwrap();
    let without = circuits.register(manifest(&world, "transfer", b"key")).await.unwrap();
    assert_eq!(without.manifest, first.manifest);
    circuits.register(manifest(&world, "plain", b"key")).await.unwrap();
    for other in [with("transfer", b"other module"), with("plain", b"module")] {
        let error = circuits.register(other).await.unwrap_err();
        assert!(matches!(error, CircuitError::OtherGenerator(_)), "{error}");
    }
}

#[tokio::test]
async fn a_bare_name_is_the_version_registered_last() {
    let world = world();
    let circuits = Circuits::new(world.ports.clone());
    for key in [b"one", b"two", b"six"] {
        circuits.register(manifest(&world, "transfer", key)).await.unwrap();
        world.pass(1);
    }
    let latest = circuits.resolve(&project(), "transfer").await.unwrap();
    assert_eq!(latest.proving_key.sha256, Sha256Digest::of(b"six"));
    let first = CircuitRef::of_key("transfer", &Sha256Digest::of(b"one")).unwrap();
    let resolved = circuits.resolve(&project(), &first.to_string()).await.unwrap();
    assert_eq!(resolved.circuit, first);
}

#[tokio::test]
async fn a_circuit_that_is_unknown_foreign_or_no_name_is_not_found() {
    let world = world();
    let circuits = Circuits::new(world.ports.clone());
    circuits.register(manifest(&world, "transfer", b"key")).await.unwrap();
    let foreign = "bridge".parse().unwrap();
    assert!(circuits.resolve(&foreign, "transfer").await.is_err());
    for text in ["mint", "transfer@0000000000000000", "../rollup/transfer", "", "TRANSFER"] {
        let error = circuits.resolve(&project(), text).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound, "{text:?}");
    }
}

#[tokio::test]
async fn circuits_are_paged_by_name() {
    let world = world();
    let circuits = Circuits::new(world.ports.clone());
    for name in ["c", "a", "b"] {
        circuits.register(manifest(&world, name, b"key")).await.unwrap();
    }
    let first = circuits.list(&project(), None, 2).await.unwrap();
    let names = |items: &[CircuitManifest]| {
        items.iter().map(|item| item.circuit.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first.items), ["a", "b"]);
    let after = first.next.unwrap().parse().unwrap();
    let second = circuits.list(&project(), Some(&after), 2).await.unwrap();
    assert_eq!((names(&second.items), second.next), (vec!["c".to_owned()], None));
}

#[tokio::test]
async fn an_upload_becomes_a_witness_and_leaves_no_second_copy() {
    let world = world();
    let uploads = Uploads::new(world.ports.clone());
    let upload = announce(&uploads, "a large witness").await;
    let new = NewJob { witness: WitnessSource::Upload(upload.id), ..new_job("a") };
    let early = world.jobs.submit(new.clone()).await.unwrap_err();
    assert!(matches!(early, SubmitError::Upload(UploadError::Incomplete(_))));
    uploads.receive(&project(), upload.id, bytes_of("a large witness")).await.unwrap();
    let submitted = world.jobs.submit(new.clone()).await.unwrap();
    assert_eq!(submitted.request.witness.sha256, upload.sha256);
    let bytes = keys::upload_bytes(&project(), upload.id);
    assert!(world.blobs.head(&bytes).await.unwrap().is_none());
    assert!(world.jobs.submit(new).await.unwrap().replayed);
    let claim = world.claim().await;
    let witness = world.jobs.witness(&claim).await.unwrap();
    assert_eq!(&witness.expose()[..], b"a large witness");
}

#[tokio::test]
async fn bytes_other_than_announced_are_rejected_and_not_stored() {
    let world = world();
    let uploads = Uploads::new(world.ports.clone());
    let upload = announce(&uploads, "announced").await;
    for other in ["announceD", "announce", "announced!", ""] {
        let error = uploads.receive(&project(), upload.id, bytes_of(other)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::DigestMismatch, "{other:?}");
    }
    let missing = uploads.artifact(&project(), upload.id).await.unwrap_err();
    assert_eq!(missing.code(), ErrorCode::UploadIncomplete);
    for _ in 0..2 {
        uploads.receive(&project(), upload.id, bytes_of("announced")).await.unwrap();
    }
    assert!(uploads.receive(&project(), upload.id, bytes_of("announceD")).await.is_err());
}

#[tokio::test]
async fn an_upload_that_is_empty_too_large_expired_or_foreign_is_rejected() {
    let world = world();
    let uploads = Uploads::new(world.ports.clone());
    let sha256 = Sha256Digest::of(b"");
    for size in [0, UPLOAD_BYTES_MAX + 1] {
        let announced = CreateUpload { size, sha256 };
        let error = uploads.create(&project(), &announced).await.unwrap_err();
        assert!(matches!(error, UploadError::Size { found, .. } if found == size));
    }
    let upload = announce(&uploads, "bytes").await;
    let foreign = "bridge".parse().unwrap();
    let error = uploads.receive(&foreign, upload.id, bytes_of("bytes")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    world.pass(UPLOAD_LIFETIME_S.unsigned_abs());
    let error = uploads.receive(&project(), upload.id, bytes_of("bytes")).await.unwrap_err();
    assert!(matches!(error, UploadError::Expired { .. }));
}

#[tokio::test]
async fn an_expired_upload_is_swept_away_and_a_fresh_one_is_kept() {
    let world = world();
    let uploads = Uploads::new(world.ports.clone());
    let old = announce(&uploads, "old").await;
    uploads.receive(&project(), old.id, bytes_of("old")).await.unwrap();
    world.pass(2 * UPLOAD_LIFETIME_S.unsigned_abs());
    let fresh = announce(&uploads, "fresh").await;
    assert_eq!(world.jobs.sweep().await.uploads_deleted, 1);
    assert!(uploads.find(&project(), old.id).await.is_err());
    assert!(world.blobs.head(&keys::upload_bytes(&project(), old.id)).await.unwrap().is_none());
    assert_eq!(uploads.find(&project(), fresh.id).await.unwrap(), fresh);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_over_any_span_of_time() {
    let world = world();
    let mut expected = Vec::new();
    for (index, gap_s) in [0, 1, 1, 3600, 86_400, 40 * 86_400, 900 * 86_400].iter().enumerate() {
        world.pass(*gap_s);
        let submitted = world.jobs.submit(new_job(&index.to_string())).await.unwrap();
        expected.insert(0, submitted.request.id);
    }
    assert_eq!(listed(&world, 3).await, expected);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_however_close_together() {
    let world = world();
    let mut expected = Vec::new();
    for burst in [150, 1, 300, 2, 200] {
        for index in 0..burst {
            let key = format!("{burst} {index}");
            expected.push(world.jobs.submit(new_job(&key)).await.unwrap().request.id);
        }
        world.pass(1000);
    }
    expected.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(listed(&world, 20).await, expected);
}

/// Every job, by pages of so many rows.
async fn listed(world: &World, rows: usize) -> Vec<JobId> {
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = world.jobs.list(&project(), &JobFilter::default(), before, rows).await.unwrap();
        assert!(page.items.len() <= rows);
        listed.extend(page.items.iter().map(|view| view.id));
        let Some(next) = page.next else { return listed };
        before = Some(next.parse().unwrap());
    }
}

#[tokio::test]
async fn filters_select_by_circuit_state_and_tag() {
    let world = world();
    let tags = [("chain".to_owned(), "main".to_owned())].into();
    let tagged = world.jobs.submit(NewJob { tags, ..new_job("a") }).await.unwrap();
    let other = world.jobs.submit(new_job("b")).await.unwrap();
    world.jobs.cancel(&project(), other.request.id).await.unwrap();
    let ids = async |filter: JobFilter| {
        let page = world.jobs.list(&project(), &filter, None, 50).await.unwrap();
        page.items.iter().map(|view| view.id).collect::<Vec<_>>()
    };
    let tag = Some(("chain".to_owned(), "main".to_owned()));
    assert_eq!(ids(JobFilter { tag, ..Default::default() }).await, [tagged.request.id]);
    let state = Some(JobState::Cancelled);
    assert_eq!(ids(JobFilter { state, ..Default::default() }).await, [other.request.id]);
    for (name, count) in [("transfer", 2), (circuit().to_string().as_str(), 2), ("mint", 0)] {
        let filter = JobFilter { circuit: Some(name.to_owned()), ..Default::default() };
        assert_eq!(ids(filter).await.len(), count, "{name}");
    }
}

#[tokio::test]
async fn the_latest_outcomes_are_those_of_the_newest_jobs_that_have_ended() {
    let world = world();
    let mut ended = Vec::new();
    for key in ["a", "b", "c"] {
        world.clock.advance(Duration::from_millis(5));
        ended.push(world.jobs.submit(new_job(key)).await.unwrap().request.id);
        let claim = world.claim().await;
        world.succeed(&claim).await;
    }
    world.clock.advance(Duration::from_millis(5));
    world.jobs.submit(new_job("open")).await.unwrap();
    let latest = world.jobs.latest(&project(), 3).await.unwrap();
    let latest: Vec<_> = latest.iter().map(|outcome| outcome.job).collect();
    assert_eq!(latest, [ended[2], ended[1]], "of the three newest jobs one is open");
}
