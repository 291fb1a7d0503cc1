//! Prepared files are what was read, and nothing else is taken for one.

#![allow(clippy::cast_possible_truncation, reason = "fixtures are small")]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use tempfile::TempDir;

use super::format::{BODY_AT, CHECKSUM_AT, Facts, SECTIONS_AT, SectionBytes, aligned};
use super::*;
use crate::any::AnyProvingKey;
use crate::curve::CircomCurve;
use crate::shared::ALIGNMENT;
use crate::zkey::{self, GroupChecks, OpenedKey, ProvingKey, ReadOptions};

const CURVES: [&str; 2] = ["bn128", "bls12-381"];

/// Accepts development keys and wants every check.
const LENIENT: ReadOptions =
    ReadOptions { allow_development: true, group_checks: GroupChecks::Full };

fn fixture(curve: &str, name: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    [fixtures, curve, name].iter().collect()
}

fn key(curve: &str) -> OpenedKey {
    zkey::open(&fixture(curve, "multiplier.zkey"), &ReadOptions::default(), None).unwrap()
}

/// A folder with the prepared file of a key.
struct Prepared {
    dir: TempDir,
    key: OpenedKey,
}

impl Prepared {
    fn of(key: OpenedKey) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("key"), &key).unwrap();
        Self { dir, key }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("key")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    fn open(&self) -> Result<OpenedKey, PreparedError> {
        open(&self.path(), &self.key.fingerprint, &LENIENT)
    }

    fn open_bytes(&self, bytes: &[u8]) -> Result<OpenedKey, PreparedError> {
        // A file that is mapped is never written to.
        fs::remove_file(self.path()).unwrap();
        fs::write(self.path(), bytes).unwrap();
        self.open()
    }
}

/// What a `.zkey` of the key holds.
fn encoded(key: &AnyProvingKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    zkey::write(&mut bytes, key).unwrap();
    bytes
}

#[test]
fn a_prepared_key_is_the_key_that_was_read() {
    for curve in CURVES {
        let prepared = Prepared::of(key(curve));
        let opened = prepared.open().unwrap();
        assert_eq!(opened.key, prepared.key.key);
        assert_eq!((opened.digest, opened.size), (prepared.key.digest, prepared.key.size));
        assert_eq!(opened.fingerprint, prepared.key.fingerprint);
        assert_eq!(opened.group_checks, GroupChecks::AlreadyValidated);
        assert_eq!(encoded(&opened.key), fs::read(fixture(curve, "multiplier.zkey")).unwrap());
    }
}

#[test]
fn a_prepared_key_outlives_its_file() {
    let prepared = Prepared::of(key("bn128"));
    let opened = prepared.open().unwrap();
    fs::remove_file(prepared.path()).unwrap();
    assert_eq!(opened.key, prepared.key.key);
}

#[test]
fn points_of_a_prepared_key_are_aligned() {
    let prepared = Prepared::of(key("bls12-381"));
    let AnyProvingKey::Bls12_381(key) = prepared.open().unwrap().key else { panic!("other curve") };
    for words in [key.a.words(), key.b_g1.words(), key.b_g2.words(), key.c.words(), key.h.words()] {
        assert_eq!(words.as_ptr().align_offset(ALIGNMENT), 0);
    }
}

/// Where sections begin and end, and the parts of what comes before them.
fn boundaries<E: CircomCurve>(bytes: &[u8]) -> Vec<usize> {
    let facts = Facts::decode(&bytes[BODY_AT..]).unwrap();
    let SectionBytes { singles, contributions, values, ends, terms, a, b_g1, b_g2, c, h } =
        facts.section_bytes::<E>();
    let mut boundaries = vec![0, 8, CHECKSUM_AT, BODY_AT, SECTIONS_AT];
    let mut start = SECTIONS_AT as u64;
    for length in [singles, contributions, values, ends, terms, a, b_g1, b_g2, c, h] {
        let end = start + length;
        boundaries.extend([end as usize, aligned(end) as usize]);
        start = aligned(end);
    }
    assert_eq!(boundaries.pop(), Some(bytes.len()));
    boundaries.retain(|boundary| *boundary < bytes.len());
    boundaries
}

#[test]
fn a_prepared_key_that_was_cut_anywhere_is_rejected() {
    for curve in CURVES {
        let prepared = Prepared::of(key(curve));
        let bytes = prepared.bytes();
        let boundaries = match curve {
            "bn128" => boundaries::<Bn254>(&bytes),
            _ => boundaries::<Bls12_381>(&bytes),
        };
        for boundary in boundaries {
            for end in [boundary.saturating_sub(1), boundary, boundary + 1] {
                match prepared.open_bytes(&bytes[..end]).unwrap_err() {
                    PreparedError::Length { found, .. } => assert_eq!(found, end as u64),
                    error => panic!("{curve} cut at {end}: {error}"),
                }
            }
        }
        let longer = [bytes, vec![0; ALIGNMENT]].concat();
        let error = prepared.open_bytes(&longer).unwrap_err();
        assert!(matches!(error, PreparedError::Length { .. }), "{error}");
    }
}

#[test]
fn a_prepared_key_with_any_byte_changed_is_rejected() {
    for curve in CURVES {
        let prepared = Prepared::of(key(curve));
        let bytes = prepared.bytes();
        // Every byte before the sections, and some of each section.
        for at in (0..SECTIONS_AT).chain((SECTIONS_AT..bytes.len()).step_by(61)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let error = prepared.open_bytes(&changed).unwrap_err();
            let named = match at {
                0..8 => matches!(error, PreparedError::Magic),
                8..CHECKSUM_AT => matches!(error, PreparedError::Version { expected: 1, .. }),
                CHECKSUM_AT..BODY_AT => matches!(error, PreparedError::Checksum),
                _ => matches!(
                    error,
                    PreparedError::Checksum | PreparedError::Length { .. } | PreparedError::Curve
                ),
            };
            assert!(named, "{curve} byte {at}: {error}");
        }
    }
}

/// The same file with other facts and a sound checksum.
fn with_facts(bytes: &[u8], change: impl FnOnce(&mut Facts)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut facts = Facts::decode(&bytes[BODY_AT..]).unwrap();
    change(&mut facts);
    bytes[BODY_AT..SECTIONS_AT].copy_from_slice(&facts.encode());
    let checksum = blake3::hash(&bytes[BODY_AT..]);
    bytes[CHECKSUM_AT..BODY_AT].copy_from_slice(checksum.as_bytes());
    bytes
}

#[test]
fn counts_that_no_key_has_are_rejected_even_with_a_sound_checksum() {
    let prepared = Prepared::of(key("bn128"));
    let bytes = prepared.bytes();
    let rejected =
        |change: fn(&mut Facts)| prepared.open_bytes(&with_facts(&bytes, change)).unwrap_err();
    for change in [
        |facts: &mut Facts| facts.terms = u32::MAX,
        |facts: &mut Facts| facts.n_vars = u32::MAX,
        |facts: &mut Facts| facts.contributions = u32::MAX,
        |facts: &mut Facts| facts.domain_size = 0,
    ] {
        assert!(matches!(rejected(change), PreparedError::Length { .. }));
    }
    assert!(matches!(rejected(|facts| facts.curve = None), PreparedError::Curve));
    // A variable more is a public input more: the points of C stay as many, and those of IC fit
    // into what fills their section up or do not.
    let error = rejected(|facts| (facts.n_vars, facts.n_public) = (1, u32::MAX));
    assert!(matches!(error, PreparedError::Length { .. }), "{error}");
    prepared.open_bytes(&with_facts(&bytes, |_| ())).unwrap();
}

#[test]
fn coefficients_that_contradict_their_counts_are_rejected() {
    let prepared = Prepared::of(key("bn128"));
    let bytes = prepared.bytes();
    let facts = Facts::decode(&bytes[BODY_AT..]).unwrap();
    let SectionBytes { singles, contributions, values, .. } = facts.section_bytes::<Bn254>();
    let ends = [singles, contributions, values]
        .iter()
        .fold(SECTIONS_AT as u64, |start, length| aligned(start + length));
    let last = ends as usize + 8 * facts.domain_size as usize - 4;
    let mut changed = bytes;
    changed[last..last + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = prepared.open_bytes(&with_facts(&changed, |_| ())).unwrap_err();
    assert!(matches!(error, PreparedError::Counts), "{error}");
}

#[test]
fn another_file_or_the_prepared_file_of_another_key_is_rejected() {
    let prepared = Prepared::of(key("bn128"));
    let other = Prepared::of(key("bls12-381"));
    let error = prepared.open_bytes(&other.bytes()).unwrap_err();
    assert!(matches!(error, PreparedError::Fingerprint { .. }), "{error}");
    let zkey = fs::read(fixture("bn128", "multiplier.zkey")).unwrap();
    let error = prepared.open_bytes(&zkey).unwrap_err();
    assert!(matches!(error, PreparedError::Magic), "{error}");
    fs::remove_file(prepared.path()).unwrap();
    let error = prepared.open().unwrap_err();
    assert!(matches!(error, PreparedError::Io(_)), "{error}");
}

fn cached(cache: &Cache, curve: &str, name: &str) -> OpenedKey {
    zkey::open(&fixture(curve, name), &LENIENT, Some(cache)).unwrap()
}

#[test]
fn the_second_opening_equals_the_first() {
    for curve in CURVES {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("prepared"));
        let [first, second] = [0; 2].map(|_| cached(&cache, curve, "multiplier.zkey"));
        assert_eq!(first.key, second.key);
        assert_eq!(first.digest, second.digest);
        assert_eq!(first.group_checks, GroupChecks::Full);
        assert_eq!(second.group_checks, GroupChecks::AlreadyValidated);
        let file = fs::File::open(fixture(curve, "multiplier.zkey")).unwrap();
        assert_eq!(Fingerprint::of(&file).unwrap(), first.fingerprint);
    }
}

#[test]
fn a_damaged_prepared_key_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(dir.path());
    let first = cached(&cache, "bn128", "multiplier.zkey");
    let path = cache.path(&first.fingerprint);
    let sound = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &sound[1..]).unwrap();
    let second = cached(&cache, "bn128", "multiplier.zkey");
    assert_eq!((&second.key, second.group_checks), (&first.key, GroupChecks::Full));
    assert_eq!(fs::read(&path).unwrap(), sound);
}

#[test]
fn a_development_key_in_the_cache_is_rejected_where_it_is_not_allowed() {
    for curve in CURVES {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let first = cached(&cache, curve, "multiplier_initial.zkey");
        assert!(first.key.is_development());
        let strict = ReadOptions::default();
        let error = open(&cache.path(&first.fingerprint), &first.fingerprint, &strict).unwrap_err();
        assert!(matches!(error, PreparedError::Development), "{error}");
        let path = fixture(curve, "multiplier_initial.zkey");
        match zkey::open(&path, &strict, Some(&cache)).unwrap_err() {
            zkey::OpenError::Invalid { source, .. } => assert!(source.is_development_key()),
            error => panic!("{error}"),
        }
        assert!(cached(&cache, curve, "multiplier_initial.zkey").key.is_development());
    }
}

#[test]
fn a_key_that_was_trusted_is_checked_when_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(dir.path());
    let path = fixture("bn128", "multiplier.zkey");
    let trusting =
        ReadOptions { allow_development: false, group_checks: GroupChecks::AlreadyValidated };
    let strict = ReadOptions::default();
    let first = zkey::open(&path, &trusting, Some(&cache)).unwrap();
    assert!(cache.get(&first.fingerprint, &trusting).is_some());
    let error = open(&cache.path(&first.fingerprint), &first.fingerprint, &strict).unwrap_err();
    assert!(matches!(error, PreparedError::GroupsUnchecked), "{error}");
    let second = zkey::open(&path, &strict, Some(&cache)).unwrap();
    assert_eq!(second.group_checks, GroupChecks::Full);
    assert!(cache.get(&first.fingerprint, &strict).is_some());
}

#[test]
fn the_key_used_longest_ago_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let size = Prepared::of(key("bls12-381")).bytes().len() as u64;
    let cache = Cache::new(dir.path()).with_bytes_max(5 * size / 2);
    let names = ["multiplier.zkey", "multiplier_initial.zkey"];
    let [a, b] = names.map(|name| cached(&cache, "bls12-381", name).fingerprint);
    let age = |fingerprint, hours: u64| {
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(3600 * hours);
        fs::File::open(cache.path(&fingerprint)).unwrap().set_modified(old).unwrap();
    };
    age(a, 1);
    age(b, 2);
    // The older one is used, and so becomes the younger.
    cache.get(&a, &LENIENT).unwrap();
    let c = cached(&cache, "bn128", "multiplier.zkey").fingerprint;
    let kept = [a, b, c].map(|fingerprint| cache.path(&fingerprint).exists());
    assert_eq!(kept, [true, false, true]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_key_above_the_bound_is_opened_and_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(dir.path()).with_bytes_max(1000);
    let opened = cached(&cache, "bn128", "multiplier.zkey");
    assert_eq!(opened.group_checks, GroupChecks::Full);
    assert_eq!(cache.insert(&opened).unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_cache_that_cannot_be_written_does_not_hinder() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let cache = Cache::new(dir.path().join("file"));
    assert_eq!(cached(&cache, "bn128", "multiplier.zkey").key, key("bn128").key);
}

#[test]
fn a_key_of_wrong_lengths_is_not_written() {
    let mut opened = key("bn128");
    let AnyProvingKey::Bn254(ProvingKey { h, .. }) = &mut opened.key else { panic!("other curve") };
    *h = h.iter().take(31).collect();
    let dir = tempfile::tempdir().unwrap();
    assert!(write(&dir.path().join("key"), &opened).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_fingerprint_is_written_in_hexadecimal_digits() {
    let key = key("bn128");
    let bytes = fs::read(fixture("bn128", "multiplier.zkey")).unwrap();
    assert_eq!(key.fingerprint.to_string(), blake3::hash(&bytes).to_hex().as_str());
    assert_eq!(key.fingerprint.as_bytes(), blake3::hash(&bytes).as_bytes());
    assert!(zkey::read(Cursor::new(bytes), &LENIENT).is_ok());
}
