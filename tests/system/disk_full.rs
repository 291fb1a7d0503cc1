//! A disk that is full at any write costs time and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use zkpool_tests::api::Client;
use zkpool_tests::command::{succeed, zkpool_path};
use zkpool_tests::process::Process;
use zkpool_tests::records::{Directory, Records, all_succeeded_and_are_charged_once};
use zkpool_tests::server::{Server, free_port, pause};
use zkpool_tests::workspace::fixture;

use crate::aws::request;

/// Room of the disk: for the service with a circuit and the jobs of the test.
const DISK: &str = "16m";

/// Room that is left, in pages of 4 KiB: from that for nothing to that for all a job writes.
const PAGES_LEFT: std::ops::Range<u64> = 0..24;

const PAGE_BYTES: u64 = 4096;

/// How long a job is tried while the disk is full.
const TRIED_FOR: Duration = Duration::from_millis(400);

/// How long all of them may take once there is room: what was held is let go of after 30 s.
const RECOVERY: Duration = Duration::from_secs(150);

/// Mounts a disk, makes a key and serves. The disk is in a namespace of this process and goes with
/// it.
const SERVE: &str = r#"
mount -t tmpfs -o size="$2" tmpfs "$1" &&
"$0" keys create --data "$1/data" --project acme --scopes submit,read,admin >"$3" &&
exec "$0" serve --data "$1/data" --device cpu --listen "$4" --requests-per-minute 60000
"#;

/// A server on a small disk.
struct Small {
    server: Server,
    client: Client,
    folder: TempDir,
}

impl Small {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (disk, key) = (folder.path().join("disk"), folder.path().join("key"));
        fs::create_dir(&disk).unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", SERVE])
            .arg(zkpool_path())
            .arg(&disk)
            .arg(DISK)
            .arg(&key)
            .arg(&listen)
            .spawn()
            .unwrap();
        let url = format!("http://{listen}");
        let server = Server::wait_for(Process::of(child), url);
        let client = Client::new(&server.url, fs::read_to_string(&key).unwrap().trim());
        Self { server, client, folder }
    }

    /// A path on the disk as it is seen from here.
    fn path(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.server.process.id()));
        let disk = self.folder.path().join("disk");
        root.join(disk.strip_prefix("/").unwrap()).join(name)
    }

    /// Fills the disk up to this many bytes.
    fn fill(&self, left: u64) {
        loop {
            let mut stat = Command::new("stat");
            let format = ["--file-system", "--format", "%a"];
            let pages = succeed(stat.args(format).arg(self.path("data")));
            let free = pages.trim().parse::<u64>().unwrap() * PAGE_BYTES;
            let length = free.saturating_sub(left).max(1).to_string();
            let mut fallocate = Command::new("fallocate");
            let ballast = fallocate.args(["-l", &length]).arg(self.path("ballast")).output();
            // The server may have written meanwhile.
            if ballast.unwrap().status.success() {
                return;
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path("ballast")).unwrap();
    }

    fn is_ready_while_there_is_room(&self) {
        self.fill(0);
        let full = self.client.get("/readyz").status;
        self.make_room();
        assert_eq!((full, self.client.get("/readyz").status), (503, 200));
        assert_eq!(self.temporary_files(), Vec::<String>::new());
    }

    /// Files of writes that were not finished.
    fn temporary_files(&self) -> Vec<String> {
        Directory::of(&self.path("data")).keys(".tmp")
    }
}

/// Tries for a while, whatever the answers. Returns the id if the job was accepted.
fn try_for_a_while(client: &Client, key: &str, body: &Value) -> Option<String> {
    let start = Instant::now();
    let mut accepted = None;
    while start.elapsed() < TRIED_FOR {
        let answer = client.submit(key, body);
        assert!(answer.status < 300 || answer.status == 503, "{} {}", answer.status, answer.body);
        accepted = answer.body["id"].as_str().map(str::to_owned).or(accepted);
        pause();
    }
    accepted
}

#[test]
fn a_disk_that_is_full_at_any_write_costs_time_and_nothing_else() {
    let small = Small::start();
    let proving_key = fs::read(fixture("bn128", "multiplier.zkey")).unwrap();
    let _ = small.client.register("multiplier", &STANDARD.encode(proving_key));
    let body = request();
    let (mut refused, mut jobs) = (0, Vec::new());
    for pages in PAGES_LEFT {
        let key = format!("order-{pages}");
        small.fill(pages * PAGE_BYTES);
        let accepted = try_for_a_while(&small.client, &key, &body);
        small.make_room();
        refused += usize::from(accepted.is_none());
        let id = small.client.submit(&key, &body).ok()["id"].as_str().unwrap().to_owned();
        assert!(accepted.is_none_or(|accepted| accepted == id), "one key is one job");
        jobs.push(id);
    }
    assert!(refused > 0 && refused < jobs.len(), "{refused} were refused");
    for job in &jobs {
        let _ = small.client.poll(job, RECOVERY, |view| view["state"] == "succeeded");
    }
    jobs.sort();
    assert_eq!(all_succeeded_and_are_charged_once(&Directory::of(&small.path("data"))), jobs);
    assert_eq!(small.temporary_files(), Vec::<String>::new());
    small.is_ready_while_there_is_room();
}
