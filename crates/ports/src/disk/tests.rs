use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::{SystemClock, conformance};

fn key(text: &str) -> BlobKey {
    BlobKey::new(text).unwrap()
}

fn stored(error: BlobError) -> String {
    match error {
        BlobError::Storage { source, .. } => source.to_string(),
        other => panic!("expected a storage error, found {other:?}"),
    }
}

/// All files below `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    below.collect()
}

async fn create(store: &DiskBlobs, text: &str) -> Result<PutOnce, BlobError> {
    store.put_once(&key(text), Bytes::from_static(b"body")).await
}

#[tokio::test]
async fn the_store_conforms() {
    let dirs = tempfile::tempdir().unwrap();
    let make = async || {
        let dir = tempfile::tempdir_in(dirs.path()).unwrap().keep();
        DiskBlobs::open(dir).unwrap()
    };
    conformance::blob_store(make).await.unwrap();
}

#[tokio::test]
async fn two_stores_share_one_directory() {
    let dirs = tempfile::tempdir().unwrap();
    let dir = dirs.path().join("shared");
    let (one, two) = (DiskBlobs::open(&dir).unwrap(), DiskBlobs::open(&dir).unwrap());
    assert_eq!(create(&one, "a/1").await.unwrap(), PutOnce::Created);
    assert_eq!(create(&two, "a/1").await.unwrap(), PutOnce::AlreadyExists);
    drop(one);
    assert_eq!(create(&two, "a/2").await.unwrap(), PutOnce::Created);
}

#[tokio::test]
async fn objects_outlive_the_store_that_wrote_them() {
    let dir = tempfile::tempdir().unwrap();
    create(&DiskBlobs::open(dir.path()).unwrap(), "a/b").await.unwrap();
    let reopened = DiskBlobs::open(dir.path()).unwrap();
    assert_eq!(reopened.get(&key("a/b"), 4).await.unwrap(), "body");
    assert_eq!(reopened.local_path(&key("a/b")), Some(reopened.0.root.join("a/b")));
    assert_eq!(reopened.local_path(&key("a")), None);
}

/// How many fsyncs a storage call that succeeds takes.
async fn counted<T>(store: &DiskBlobs, call: impl Future<Output = Result<T, BlobError>>) -> u64 {
    let before = store.fsyncs();
    call.await.unwrap();
    store.fsyncs() - before
}

#[tokio::test]
async fn a_write_costs_no_more_fsyncs_than_its_promise() {
    let dir = tempfile::tempdir().unwrap();
    let store = &DiskBlobs::open(dir.path()).unwrap();
    let put_once = async |text| counted(store, create(store, text)).await;
    let put = async |text, durability| {
        counted(store, store.put(&key(text), Bytes::new(), durability)).await
    };
    assert_eq!(put_once("jobs/p/1/request.json").await, 5, "file and four directories");
    assert_eq!(put_once("jobs/p/2/request.json").await, 3, "file, its directory, the one above");
    assert_eq!(put_once("jobs/p/2/outcome.json").await, 2, "file, its directory");
    assert_eq!(put_once("jobs/p/2/outcome.json").await, 1, "its directory, as it exists");
    assert_eq!(put("jobs/p/2/witness", Durability::Durable).await, 2);
    assert_eq!(put("jobs/p/2/progress.json", Durability::Cached).await, 0);
    let (from, to) = (key("jobs/p/2/witness"), key("jobs/p/2/copy"));
    assert_eq!(counted(store, store.copy_once(&from, &to)).await, 2);
    assert_eq!(counted(store, store.delete(&to)).await, 0);
}

#[tokio::test]
async fn a_directory_made_by_another_process_is_written_out_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    fs::create_dir(dir.path().join("made")).unwrap();
    create(&store, "made/1").await.unwrap();
    assert_eq!(store.fsyncs(), 3);
}

#[tokio::test]
async fn a_dead_process_s_temporary_files_are_removed_and_a_living_one_s_kept() {
    let dir = tempfile::tempdir().unwrap();
    let living = DiskBlobs::open(dir.path()).unwrap();
    let in_use = living.0.temporary.file_with(b"half").unwrap();
    let abandoned = dir.path().join(".tmp/dead");
    fs::create_dir(&abandoned).unwrap();
    fs::write(abandoned.join("leftover"), b"half").unwrap();
    assert_eq!(living.list("", None, 10).await.unwrap(), Vec::new());
    assert_eq!(living.list_children("", None, 10).await.unwrap(), Vec::<String>::new());

    let opened = DiskBlobs::open(dir.path()).unwrap();
    assert!(!abandoned.exists());
    assert!(in_use.path().exists());
    assert_eq!(opened.list("", None, 10).await.unwrap(), Vec::new());
}

#[tokio::test]
async fn a_refused_stream_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    let expected = Expected { size: 1, sha256: zkpool_types::Sha256Digest::of(b"x") };
    let endless = futures_util::stream::repeat(Bytes::from_static(b"more")).map(Ok).boxed();
    store.put_stream_once(&key("a/b"), endless, expected).await.unwrap_err();
    assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_closed_store_leaves_only_objects() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    create(&store, "a/b").await.unwrap();
    drop(store);
    assert_eq!(files(dir.path()), [dir.path().join("a/b")]);
    assert_eq!(fs::read_dir(dir.path().join(".tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_key_below_or_above_an_object_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    create(&store, "a/b").await.unwrap();
    for below in ["a/b/c", "a/b/c/d"] {
        assert!(stored(create(&store, below).await.unwrap_err()).contains("is a file"));
        let put = store.put(&key(below), Bytes::new(), Durability::Cached).await;
        assert!(stored(put.unwrap_err()).contains("is a file"));
    }
    assert!(stored(create(&store, "a").await.unwrap_err()).contains("is not a file"));
    store.put(&key("a"), Bytes::new(), Durability::Cached).await.unwrap_err();
    assert_eq!(files(&dir.path().join(".tmp")), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_symbolic_link_is_not_followed_out_of_the_store() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("secret"), b"secret").unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    create(&store, "a/b").await.unwrap();
    symlink(outside.path(), dir.path().join("link")).unwrap();
    symlink(outside.path().join("secret"), dir.path().join("a/file")).unwrap();

    for text in ["link/secret", "a/file"] {
        assert!(stored(store.get(&key(text), 100).await.unwrap_err()).contains("symbolic link"));
        assert!(stored(store.head(&key(text)).await.unwrap_err()).contains("symbolic link"));
        assert!(stored(store.delete(&key(text)).await.unwrap_err()).contains("symbolic link"));
        assert_eq!(store.local_path(&key(text)), None);
    }
    create(&store, "link/new").await.unwrap_err();
    assert_eq!(store.list("link/", None, 10).await.unwrap(), Vec::new());
    assert_eq!(store.list("", None, 10).await.unwrap(), [key("a/b")]);
    assert_eq!(files(outside.path()).len(), 1);
}

#[tokio::test]
async fn a_store_may_itself_lie_behind_a_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("real")).unwrap();
    symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
    let store = DiskBlobs::open(dir.path().join("link")).unwrap();
    create(&store, "a").await.unwrap();
    assert!(dir.path().join("real/a").is_file());
}

#[tokio::test]
async fn the_directory_of_temporary_files_holds_no_objects() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    for text in [".tmp", ".tmp/a"] {
        assert!(stored(create(&store, text).await.unwrap_err()).contains("temporary"));
    }
    // Only that name is taken.
    create(&store, ".tmpx/a").await.unwrap();
    assert_eq!(store.list("", None, 10).await.unwrap(), [key(".tmpx/a")]);
}

#[tokio::test]
async fn files_and_directories_are_their_owner_s_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path().join("new/store")).unwrap();
    create(&store, "a/b").await.unwrap();
    let copy = store.copy_once(&key("a/b"), &key("a/c")).await;
    copy.unwrap();
    let mode = |path: &str| dir.path().join(path).metadata().unwrap().mode() & 0o777;
    for made in ["new", "new/store", "new/store/.tmp", "new/store/a"] {
        assert_eq!(mode(made), 0o700, "{made}");
    }
    assert_eq!(mode("new/store/a/b"), 0o600);
    assert_eq!(mode("new/store/a/c"), 0o600);
    let own = store.0.temporary.file().unwrap();
    assert_eq!(own.path().parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_file_in_place_of_the_directory_is_rejected() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = DiskBlobs::open(file.path()).unwrap_err();
    assert!(error.to_string().contains("cannot keep objects here"));
}

#[tokio::test]
async fn a_name_too_long_for_the_file_system_is_an_error_and_no_object() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    create(&store, &"x".repeat(256)).await.unwrap_err();
    create(&store, &"x".repeat(255)).await.unwrap();
    assert_eq!(store.list("", None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_directory_of_more_names_than_are_held_at_once_is_listed_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    fs::create_dir(dir.path().join("many")).unwrap();
    let names: Vec<_> = (0..5_000).map(|name| format!("many/{name:05}")).collect();
    for name in &names {
        fs::write(dir.path().join(name), b"").unwrap();
    }
    let listed = store.list("many/", None, usize::MAX).await.unwrap();
    assert!(listed.iter().map(BlobKey::as_str).eq(&names));
    let late = store.list("", Some("many/04997"), 5).await.unwrap();
    assert_eq!(late, [key("many/04998"), key("many/04999")]);
}

#[tokio::test]
async fn any_set_of_keys_is_listed_as_a_sorted_map_would_list_it() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, memory) = (DiskBlobs::open(dir.path()).unwrap(), crate::memory::MemoryBlobs::new());
    let segments = ["a", "a-", "a-b", "a.", "a0", "aa", "b", "="];
    for (first, second) in segments.iter().flat_map(|a| segments.map(|b| (a, b))) {
        // Keys of one, two and three segments, none of them above another.
        let key = key(&match (first.len() + second.len()) % 3 {
            0 => format!("{first}_{second}"),
            1 => format!("{first}/{second}_"),
            _ => format!("{first}/{second}/{first}"),
        });
        for store in [&disk as &dyn BlobStore, &memory] {
            store.put(&key, Bytes::new(), Durability::Cached).await.unwrap();
        }
    }
    let all = memory.list("", None, usize::MAX).await.unwrap();
    assert!(all.len() > 50);
    for after in all.iter().map(BlobKey::as_str) {
        for cut in 0..=after.len() {
            let (prefix, _) = after.split_at(cut);
            let (of_disk, of_memory) =
                (disk.list(prefix, Some(after), 3), memory.list(prefix, Some(after), 3));
            assert_eq!(of_disk.await.unwrap(), of_memory.await.unwrap(), "{prefix} {after}");
            let (of_disk, of_memory) =
                (disk.list("", Some(prefix), 9), memory.list("", Some(prefix), 9));
            assert_eq!(of_disk.await.unwrap(), of_memory.await.unwrap(), "after {prefix}");
        }
    }
}

#[tokio::test]
async fn the_probe_tells_how_long_the_disk_takes() {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskBlobs::open(dir.path()).unwrap();
    let clock = Arc::new(SystemClock::new());
    assert!(store.probe_fsync(clock, 5).await.unwrap() > Duration::ZERO);
    assert_eq!(store.fsyncs(), 0);
    assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
}
