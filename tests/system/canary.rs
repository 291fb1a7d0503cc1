//! A witness that can be told from everything else is nowhere to be found: not in what a deployment
//! logs at its most talkative, not in what it answers or sends, and not in its storage once its job
//! has ended, however it ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use serde_json::{Value, json};
use zkpool_tests::api::Client;
use zkpool_tests::command::zkpool_ok;
use zkpool_tests::server::{Server, create_key, free_port, pause};
use zkpool_tests::workspace::fixture;

/// How long a job may take, with two provers' deaths in it.
const ENDED_WITHIN: Duration = Duration::from_secs(180);

/// A private input of the multiplier, of all 254 bits.
const CANARY: &str =
    "13179482601385720846172903582371648025817263549182736451827364518273645182731";

/// Bytes of an element of the field.
const ELEMENT_BYTES: usize = 32;

/// What the canary looks like wherever it could be: as a number in text, as an element in memory or in a
/// file, in either order of its bytes, and as these would be printed.
fn likenesses() -> Vec<Vec<u8>> {
    let number: BigUint = CANARY.parse().unwrap();
    let (little, big) = (number.to_bytes_le(), number.to_bytes_be());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let debug = |bytes: &[u8]| format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let mut likenesses = vec![CANARY.as_bytes().to_vec(), little.clone(), big.clone()];
    for bytes in [&little, &big] {
        likenesses.extend([hex(bytes), hex(bytes).to_uppercase(), debug(bytes)].map(String::into));
    }
    // Base64 has three alignments; of each, the part that does not depend on what is around.
    for offset in 0..3 {
        let encoded = STANDARD.encode(&little[offset..]);
        likenesses.push(encoded.as_bytes()[..ELEMENT_BYTES].to_vec());
    }
    likenesses
}

/// A witness in which the canary stands in place of the input `a`: unsatisfied, unless `a` was it.
fn bad_witness() -> Vec<u8> {
    let mut witness = fs::read(fixture("bn128", "multiplier.wtns")).unwrap();
    let number: BigUint = CANARY.parse().unwrap();
    let last = witness.len() - ELEMENT_BYTES;
    witness[last..].copy_from_slice(&number.to_bytes_le());
    witness
}

fn inputs() -> Value {
    json!({ "a": CANARY, "b": "3", "k": "5" })
}

/// A witness of the canary, as the circuit's own generator computes it.
fn good_witness(folder: &Path) -> Vec<u8> {
    let [file, witness] = ["inputs.json", "good.wtns"].map(|name| folder.join(name));
    fs::write(&file, inputs().to_string()).unwrap();
    let generator = fixture("bn128", "multiplier.wasm");
    zkpool_ok([Path::new("wtns"), Path::new("calculate"), &generator, &file, &witness]);
    fs::read(witness).unwrap()
}

/// Files below a folder in which the canary is found.
fn sightings(folder: &Path) -> Vec<PathBuf> {
    let likenesses = likenesses();
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                if likenesses.iter().any(|likeness| contains(&bytes, likeness)) {
                    found.push(path);
                }
            }
        }
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A server that logs everything, and a requester of its own.
struct Deployment {
    folder: tempfile::TempDir,
    port: u16,
    server: Server,
    client: Client,
}

impl Deployment {
    fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let server = Self::serve(folder.path(), port);
        let data = folder.path().join("data");
        let key = create_key(&data, "acme", "submit,read,finance,admin");
        let client = Client::new(&server.url, &key);
        Self { folder, port, server, client }
    }

    fn serve(folder: &Path, port: u16) -> Server {
        Server::start_logging(&folder.join("data"), port, "trace", &folder.join("log"))
    }

    fn restart(self) -> Self {
        let Self { folder, port, server, client } = self;
        server.kill();
        let server = Self::serve(folder.path(), port);
        Self { folder, port, server, client }
    }

    fn register(&self) {
        let [key, generator] = ["multiplier.zkey", "multiplier.wasm"]
            .map(|file| STANDARD.encode(fs::read(fixture("bn128", file)).unwrap()));
        let body = json!({
            "name": "multiplier",
            "proof_system": "groth16",
            "proving_key": { "base64": key },
            "generator": { "base64": generator },
            "allow_development_key": true,
        });
        let _ = self.client.post("/v1/circuits", &body).ok();
    }

    fn submit(&self, key: &str, what: &Value) -> String {
        let mut body = what.clone();
        body["circuit"] = "multiplier".into();
        self.client.submit(key, &body).ok()["id"].as_str().unwrap().to_owned()
    }

    /// Waits for a job's end, and looks at everything that is told of it.
    fn end(&self, job: &str, state: &str) {
        let view = self.client.poll(job, ENDED_WITHIN, |view| view["state"] == state);
        let told = [
            view.to_string(),
            self.client.get(&format!("/v1/proofs/{job}/receipt")).body.to_string(),
            self.client.get("/v1/proofs").body.to_string(),
            self.client.get("/v1/webhooks/deliveries").body.to_string(),
        ];
        for text in told {
            let seen = likenesses().iter().any(|likeness| contains(text.as_bytes(), likeness));
            assert!(!seen, "{text}");
        }
    }

    fn assert_unseen(&self) {
        assert_eq!(sightings(self.folder.path()), Vec::<PathBuf>::new());
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(log.contains("TRACE"), "it did not log everything");
    }
}

#[test]
fn a_witness_is_seen_nowhere_once_its_job_has_ended_however_it_ended() {
    let outside = tempfile::tempdir().unwrap();
    let good = json!({ "witness": { "base64": STANDARD.encode(good_witness(outside.path())) } });
    let bad = json!({ "witness": { "base64": STANDARD.encode(bad_witness()) } });
    assert!(!sightings(outside.path()).is_empty(), "the search finds nothing");
    let mut deployment = Deployment::start();
    deployment.register();
    let job = deployment.submit("good", &good);
    deployment.end(&job, "succeeded");
    let job = deployment.submit("bad", &bad);
    deployment.end(&job, "failed");
    let job = deployment.submit("inputs", &json!({ "inputs": inputs() }));
    deployment.end(&job, "succeeded");
    let wrong = json!({ "a": CANARY, "b": CANARY, "c": CANARY, "k": "5" });
    let job = deployment.submit("wrong-inputs", &json!({ "inputs": wrong }));
    deployment.end(&job, "failed");
    for refused in [json!({ "witness": CANARY }), json!({ "inputs": { "a": [CANARY, {}] } })] {
        let mut body = refused;
        body["circuit"] = "multiplier".into();
        let answer = deployment.client.submit("refused", &body);
        assert!(answer.status >= 400 && !answer.body.to_string().contains(CANARY), "{answer:?}");
    }
    // A server that dies with jobs at every stage, and one that gives them up.
    let jobs: Vec<_> = (0..4).map(|n| deployment.submit(&format!("killed-{n}"), &good)).collect();
    deployment = deployment.restart();
    for job in &jobs {
        deployment.end(job, "succeeded");
    }
    let job = deployment.submit("cancelled", &good);
    let _ = deployment.client.post(&format!("/v1/proofs/{job}/cancel"), &json!({}));
    let ended = |view: &Value| view["finished_at"].is_string();
    let _ = deployment.client.poll(&job, ENDED_WITHIN, ended);
    pause();
    deployment.assert_unseen();
}
