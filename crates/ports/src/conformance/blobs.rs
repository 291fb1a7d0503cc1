//! What a [`BlobStore`] must do.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use zkpool_types::Sha256Digest;

use super::{Check, Violation, equal, holds, suite};
use crate::{BlobError, BlobKey, BlobStore, ByteStream, Durability, Expected, PutOnce, Stored};

pub(super) type Store = Arc<dyn BlobStore>;
type Checked = Result<(), Violation>;

pub(super) const SUITE: &[(&str, Check<Store>)] = suite![
    an_object_is_created_once,
    a_race_to_create_has_one_winner,
    a_race_of_streams_has_one_winner,
    a_replaced_object_has_the_last_contents,
    a_stream_reads_back_as_it_was_written,
    an_empty_object_is_an_object,
    another_digest_leaves_nothing,
    a_shorter_stream_leaves_nothing,
    a_longer_stream_is_refused_before_its_end,
    a_failing_sender_leaves_nothing,
    a_stream_is_checked_even_where_the_object_exists,
    what_is_not_there_is_not_found,
    an_object_above_the_bound_is_not_read,
    a_copy_is_made_once_and_outlives_the_original,
    a_deleted_object_is_gone_and_can_be_created_again,
    a_prefix_of_a_key_is_no_object,
    keys_are_listed_in_byte_order,
    any_prefix_lists_the_keys_that_begin_with_it,
    pages_of_keys_join_up,
    children_are_segments_with_keys_below_them,
    pages_of_children_join_up,
    a_prefix_that_no_key_has_lists_nothing,
    a_probe_leaves_nothing,
];

/// Enough for every object of the suite.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

/// Keys in byte order whose order in a walk over directories would be another.
const KEYS_IN_ORDER: [&str; 9] =
    ["a-b/x", "a.b", "a/-", "a/0/z", "a/b", "a0", "b/c/d", "b=1/c", "c"];

fn key(text: &str) -> Result<BlobKey, Violation> {
    Ok(BlobKey::new(text)?)
}

fn expected(body: &[u8]) -> Expected {
    Expected { size: body.len() as u64, sha256: Sha256Digest::of(body) }
}

/// `body` as a stream of small pieces.
fn pieces(body: &Bytes) -> ByteStream {
    let body = body.clone();
    let starts = (0..body.len()).step_by(1000);
    stream::iter(starts.map(move |at| Ok(body.slice(at..body.len().min(at + 1000))))).boxed()
}

/// Bytes that compress badly and that no shifted copy equals.
fn pattern(length: u32) -> Bytes {
    (0..length).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

async fn absent(store: &Store, key: &BlobKey) -> Checked {
    equal("head of an absent object", &store.head(key).await?, &None)?;
    let read = store.get(key, SIZE_MAX).await;
    holds("reading it finds nothing", matches!(read, Err(BlobError::NotFound(_))), &read)
}

async fn contents(store: &Store, key: &BlobKey, body: &Bytes) -> Checked {
    equal("contents", &store.get(key, SIZE_MAX).await?, body)
}

async fn fill(store: &Store, keys: &[&str]) -> Checked {
    // Against their order, so that order is the store's doing.
    for text in keys.iter().rev() {
        store.put(&key(text)?, Bytes::from_static(b"x"), Durability::Cached).await?;
    }
    Ok(())
}

async fn listed(
    store: &Store,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Violation> {
    let keys = store.list(prefix, after, limit).await?;
    Ok(keys.iter().map(ToString::to_string).collect())
}

async fn an_object_is_created_once(store: Store) -> Checked {
    let (key, first) = (key("jobs/p/1/request.json")?, Bytes::from_static(b"first"));
    absent(&store, &key).await?;
    equal("first", &store.put_once(&key, first.clone()).await?, &PutOnce::Created)?;
    let second = store.put_once(&key, Bytes::from_static(b"second")).await?;
    equal("second", &second, &PutOnce::AlreadyExists)?;
    contents(&store, &key, &first).await?;
    equal("head", &store.head(&key).await?, &Some(Stored { size: 5 }))
}

async fn a_race_to_create_has_one_winner(store: Store) -> Checked {
    let key = key("jobs/p/1/outcome.json")?;
    let bodies: Vec<_> = (0..16).map(|racer| Bytes::from(format!("racer {racer}"))).collect();
    let writes = bodies.iter().map(|body| store.put_once(&key, body.clone()));
    one_winner(&store, &key, &bodies, future::try_join_all(writes).await?).await
}

async fn a_race_of_streams_has_one_winner(store: Store) -> Checked {
    let key = key("jobs/p/1/witness")?;
    let bodies: Vec<_> = (0..16).map(|racer| pattern(3000 + racer)).collect();
    let writes =
        bodies.iter().map(|body| store.put_stream_once(&key, pieces(body), expected(body)));
    one_winner(&store, &key, &bodies, future::try_join_all(writes).await?).await
}

async fn one_winner(
    store: &Store,
    key: &BlobKey,
    bodies: &[Bytes],
    outcomes: Vec<PutOnce>,
) -> Checked {
    let written = bodies.iter().zip(outcomes);
    let winners: Vec<_> =
        written.filter(|(_, outcome)| *outcome == PutOnce::Created).map(|(body, _)| body).collect();
    equal("winners of a race", &winners.len(), &1)?;
    equal(
        "what the winner wrote",
        &winners.first().copied(),
        &Some(&store.get(key, SIZE_MAX).await?),
    )
}

async fn a_replaced_object_has_the_last_contents(store: Store) -> Checked {
    let key = key("jobs/p/1/progress.json")?;
    for durability in [Durability::Cached, Durability::Durable, Durability::Cached] {
        for text in ["a longer first", "last"] {
            store.put(&key, Bytes::from_static(text.as_bytes()), durability).await?;
        }
        contents(&store, &key, &Bytes::from_static(b"last")).await?;
    }
    let late = store.put_once(&key, Bytes::from_static(b"late")).await?;
    equal("creating what was put", &late, &PutOnce::AlreadyExists)
}

async fn a_stream_reads_back_as_it_was_written(store: Store) -> Checked {
    // More than one part of any multipart upload and more than any buffer.
    let (key, body) = (key("artifacts/sha256/x")?, pattern(6 * 1024 * 1024 + 7));
    let created = store.put_stream_once(&key, pieces(&body), expected(&body)).await?;
    equal("creation", &created, &PutOnce::Created)?;
    contents(&store, &key, &body).await?;
    let (stored, stream) = store.get_stream(&key).await?;
    equal("announced size", &stored.size, &(body.len() as u64))?;
    let read: Vec<Bytes> = stream.try_collect().await?;
    holds("the stream has the same bytes", read.concat() == body, &"other bytes")
}

async fn an_empty_object_is_an_object(store: Store) -> Checked {
    let (stored, put) = (key("empty/streamed")?, key("empty/put")?);
    let empty = Bytes::new();
    let created = store.put_stream_once(&stored, pieces(&empty), expected(b"")).await?;
    equal("creation", &created, &PutOnce::Created)?;
    store.put_once(&put, empty.clone()).await?;
    contents(&store, &stored, &empty).await?;
    contents(&store, &put, &empty).await?;
    let (size, stream) = store.get_stream(&put).await?;
    equal("announced size", &size.size, &0)?;
    equal("streamed bytes", &stream.try_collect::<Vec<_>>().await?.concat(), &Vec::new())
}

async fn another_digest_leaves_nothing(store: Store) -> Checked {
    let (key, body) = (key("jobs/p/1/witness")?, pattern(5000));
    let other = Expected { sha256: Sha256Digest::of(b"other"), ..expected(&body) };
    let written = store.put_stream_once(&key, pieces(&body), other).await;
    let refused = matches!(&written, Err(BlobError::DigestMismatch { expected, found, .. })
        if *expected == other.sha256 && *found == Sha256Digest::of(&body));
    holds("another digest is refused", refused, &written)?;
    absent(&store, &key).await
}

async fn a_shorter_stream_leaves_nothing(store: Store) -> Checked {
    let (key, body) = (key("jobs/p/1/witness")?, pattern(5000));
    let longer = Expected { size: 5001, ..expected(&body) };
    let written = store.put_stream_once(&key, pieces(&body), longer).await;
    let refused =
        matches!(written, Err(BlobError::SizeMismatch { expected: 5001, found: 5000, .. }));
    holds("a shorter stream is refused", refused, &written)?;
    absent(&store, &key).await
}

async fn a_longer_stream_is_refused_before_its_end(store: Store) -> Checked {
    let key = key("jobs/p/1/witness")?;
    let announced = Expected { size: 2500, ..expected(b"") };
    // Only a writer that stops on its own comes back from an endless sender.
    let endless = stream::repeat(Bytes::from_static(&[7; 1000])).map(Ok).boxed();
    let written = store.put_stream_once(&key, endless, announced).await;
    let refused =
        matches!(written, Err(BlobError::SizeMismatch { expected: 2500, found: 2501, .. }));
    holds("a longer stream is refused", refused, &written)?;
    absent(&store, &key).await
}

async fn a_failing_sender_leaves_nothing(store: Store) -> Checked {
    let (key, body) = (key("jobs/p/1/witness")?, pattern(5000));
    let failure = stream::once(future::ready(Err(io::Error::other("the sender hung up"))));
    let failing = pieces(&body).chain(failure).boxed();
    let written = store.put_stream_once(&key, failing, expected(&body)).await;
    holds("the failure is told", matches!(written, Err(BlobError::Source { .. })), &written)?;
    absent(&store, &key).await
}

async fn a_stream_is_checked_even_where_the_object_exists(store: Store) -> Checked {
    let (key, body) = (key("artifacts/sha256/x")?, pattern(2000));
    store.put_once(&key, body.clone()).await?;
    let again = store.put_stream_once(&key, pieces(&body), expected(&body)).await?;
    equal("the same stream again", &again, &PutOnce::AlreadyExists)?;
    let other = Expected { sha256: Sha256Digest::of(b"other"), ..expected(&body) };
    let wrong = store.put_stream_once(&key, pieces(&body), other).await;
    let refused = matches!(wrong, Err(BlobError::DigestMismatch { .. }));
    holds("a wrong stream is refused", refused, &wrong)?;
    contents(&store, &key, &body).await
}

async fn what_is_not_there_is_not_found(store: Store) -> Checked {
    let (missing, other) = (key("no/such/object")?, key("no/other")?);
    absent(&store, &missing).await?;
    let stream = store.get_stream(&missing).await.map(|(stored, _)| stored);
    holds("streaming it", matches!(stream, Err(BlobError::NotFound(_))), &stream)?;
    let copy = store.copy_once(&missing, &other).await;
    holds("copying it", matches!(copy, Err(BlobError::NotFound(_))), &copy)?;
    absent(&store, &other).await?;
    store.delete(&missing).await?;
    equal("everything", &listed(&store, "", None, 10).await?, &Vec::new())
}

async fn an_object_above_the_bound_is_not_read(store: Store) -> Checked {
    let (key, body) = (key("jobs/p/1/request.json")?, pattern(100));
    store.put_once(&key, body.clone()).await?;
    equal("at the bound", &store.get(&key, 100).await?, &body)?;
    let read = store.get(&key, 99).await;
    let refused = matches!(read, Err(BlobError::TooLarge { size: 100, max: 99, .. }));
    holds("above the bound", refused, &read)
}

async fn a_copy_is_made_once_and_outlives_the_original(store: Store) -> Checked {
    let (from, to) = (key("uploads/p/1.bytes")?, key("artifacts/sha256/x")?);
    let body = pattern(5000);
    store.put_once(&from, body.clone()).await?;
    equal("first copy", &store.copy_once(&from, &to).await?, &PutOnce::Created)?;
    equal("second copy", &store.copy_once(&from, &to).await?, &PutOnce::AlreadyExists)?;
    store.put(&from, Bytes::from_static(b"replaced"), Durability::Durable).await?;
    contents(&store, &to, &body).await?;
    store.delete(&from).await?;
    contents(&store, &to, &body).await
}

async fn a_deleted_object_is_gone_and_can_be_created_again(store: Store) -> Checked {
    let (key, body) = (key("jobs/p/1/witness")?, pattern(10));
    for _ in 0..2 {
        equal("creation", &store.put_once(&key, body.clone()).await?, &PutOnce::Created)?;
        store.delete(&key).await?;
        store.delete(&key).await?;
        absent(&store, &key).await?;
        equal("keys", &listed(&store, "jobs/", None, 10).await?, &Vec::new())?;
        equal("children", &store.list_children("jobs/", None, 10).await?, &Vec::new())?;
    }
    Ok(())
}

async fn a_prefix_of_a_key_is_no_object(store: Store) -> Checked {
    fill(&store, &["jobs/p/1/witness"]).await?;
    let (above, below) = (key("jobs/p")?, key("jobs/p/1/witness/more")?);
    for key in [above, below] {
        absent(&store, &key).await?;
        store.delete(&key).await?;
    }
    equal("keys", &listed(&store, "", None, 10).await?, &vec!["jobs/p/1/witness".to_owned()])
}

async fn keys_are_listed_in_byte_order(store: Store) -> Checked {
    fill(&store, &KEYS_IN_ORDER).await?;
    let found = listed(&store, "", None, 100).await?;
    equal("all keys", &found, &KEYS_IN_ORDER.map(str::to_owned).to_vec())
}

async fn any_prefix_lists_the_keys_that_begin_with_it(store: Store) -> Checked {
    fill(&store, &KEYS_IN_ORDER).await?;
    for prefix in ["", "a", "a/", "a-", "a/0", "a/0/", "b", "b/c", "b=1/", "c", "d", "a/b/"] {
        let begin_with_it = KEYS_IN_ORDER.into_iter().filter(|key| key.starts_with(prefix));
        let expected: Vec<_> = begin_with_it.map(str::to_owned).collect();
        equal("keys of a prefix", &listed(&store, prefix, None, 100).await?, &expected)?;
    }
    Ok(())
}

async fn pages_of_keys_join_up(store: Store) -> Checked {
    fill(&store, &KEYS_IN_ORDER).await?;
    let afters = KEYS_IN_ORDER.into_iter().chain(["", "a", "a/", "a-", "a/0", "a1", "b/c", "zz"]);
    for (after, prefix) in afters.flat_map(|after| ["", "a", "a/", "b/"].map(|p| (after, p))) {
        let later = KEYS_IN_ORDER.iter().filter(|key| **key > after && key.starts_with(prefix));
        let expected: Vec<_> = later.take(3).map(ToString::to_string).collect();
        equal("a page of keys", &listed(&store, prefix, Some(after), 3).await?, &expected)?;
    }
    equal("no keys", &listed(&store, "", None, 0).await?, &Vec::new())
}

async fn children_are_segments_with_keys_below_them(store: Store) -> Checked {
    fill(&store, &KEYS_IN_ORDER).await?;
    let expectations: [(&str, &[&str]); 5] = [
        ("", &["a-b", "a", "b", "b=1"]),
        ("a/", &["0"]),
        ("b/", &["c"]),
        ("b/c/", &[]),
        ("c/", &[]),
    ];
    for (prefix, expected) in expectations {
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        equal("children", &store.list_children(prefix, None, 100).await?, &expected)?;
    }
    Ok(())
}

async fn pages_of_children_join_up(store: Store) -> Checked {
    let names: Vec<_> = (0..25).map(|name| format!("p/{name:02}/x")).collect();
    fill(&store, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = store.list_children("p/", found.last().map(String::as_str), 10).await?;
        holds("no page is longer than asked for", page.len() <= 10, &page)?;
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let expected: Vec<_> = (0..25).map(|name| format!("{name:02}")).collect();
    equal("all pages of children", &found, &expected)
}

async fn a_prefix_that_no_key_has_lists_nothing(store: Store) -> Checked {
    fill(&store, &["a/b/c"]).await?;
    for prefix in ["..", "../", "/", "a//", "a/../a/", "./", "a/b/c/", "\u{e4}/"] {
        equal("keys", &listed(&store, prefix, None, 10).await?, &Vec::new())?;
        equal("children", &store.list_children(prefix, None, 10).await?, &Vec::new())?;
    }
    Ok(())
}

async fn a_probe_leaves_nothing(store: Store) -> Checked {
    store.probe().await?;
    equal("keys", &listed(&store, "", None, 10).await?, &Vec::new())
}
