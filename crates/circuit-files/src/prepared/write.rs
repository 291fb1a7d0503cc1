//! Writing a prepared key, which gets its name when it is complete.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use bytemuck::cast_slice;
use tempfile::NamedTempFile;

use super::format::{CHECKSUM_AT, Facts, MAGIC, VERSION};
use crate::any::AnyProvingKey;
use crate::curve::CircomCurve;
use crate::field::FileField;
use crate::point::FilePoint;
use crate::shared::ALIGNMENT;
use crate::zkey::{self, OpenedKey, ProvingKey};

/// Writes a key as a prepared file at `path`, in place of what is there.
///
/// The file is written under another name in the same folder and renamed, so that nobody ever
/// reads half of it. It is not forced to disk: what a power failure leaves of it has another
/// checksum.
///
/// # Errors
/// The file cannot be written, the key has parts of wrong lengths, or this machine is big-endian.
pub fn write(path: &Path, opened: &OpenedKey) -> io::Result<()> {
    written_beside(path, opened)?.persist(path)?;
    Ok(())
}

/// The complete file, not under its name yet.
pub(super) fn written_beside(path: &Path, opened: &OpenedKey) -> io::Result<NamedTempFile> {
    if cfg!(target_endian = "big") {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let file = NamedTempFile::new_in(folder)?;
    match &opened.key {
        AnyProvingKey::Bn254(key) => write_key(file, &opened.of(key)),
        AnyProvingKey::Bls12_381(key) => write_key(file, &opened.of(key)),
    }
}

fn write_key<E: CircomCurve>(
    mut file: NamedTempFile,
    opened: &OpenedKey<&ProvingKey<E>>,
) -> io::Result<NamedTempFile> {
    let key = opened.key;
    zkey::check_lengths(key).map_err(io::Error::other)?;
    let facts = Facts::of(opened).ok_or(io::ErrorKind::FileTooLarge)?;
    file.write_all(&MAGIC)?;
    file.write_all(&VERSION.to_le_bytes())?;
    file.write_all(&[0; blake3::OUT_LEN])?;
    let mut body = Body { file, hasher: blake3::Hasher::new() };
    body.put(&facts.encode())?;
    body.section(cast_slice(&singles(key)))?;
    body.section(&key.contributions)?;
    body.section(cast_slice(&values(key.coefficients.values())))?;
    body.section(cast_slice(key.coefficients.ends()))?;
    body.section(cast_slice(key.coefficients.indexed_terms()))?;
    for points in [key.a.words(), key.b_g1.words(), key.b_g2.words(), key.c.words()] {
        body.section(cast_slice(points))?;
    }
    body.section(cast_slice(key.h.words()))?;
    body.finish()
}

/// The words of the points that a key has one of, and of IC.
fn singles<E: CircomCurve>(key: &ProvingKey<E>) -> Vec<u64> {
    let vk = &key.vk;
    let mut words = Vec::new();
    for point in [&vk.alpha_g1, &key.beta_g1, &key.delta_g1] {
        push(&mut words, point);
    }
    for point in [&vk.beta_g2, &vk.gamma_g2, &vk.delta_g2] {
        push(&mut words, point);
    }
    vk.ic.iter().for_each(|point| push(&mut words, point));
    words
}

fn push<P: FilePoint>(words: &mut Vec<u64>, point: &P) {
    let start = words.len();
    words.resize(start + P::WORDS, 0);
    point.write_words(words.split_at_mut(start).1);
}

/// The words of field elements.
fn values<F: FileField>(values: &[F]) -> Vec<u64> {
    let mut words = vec![0; values.len() * F::WORDS];
    for (value, words) in values.iter().zip(words.chunks_exact_mut(F::WORDS)) {
        value.write_montgomery_words(words);
    }
    words
}

/// What the checksum covers, while it is written.
struct Body {
    file: NamedTempFile,
    hasher: blake3::Hasher,
}

impl Body {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update_rayon(bytes);
        Ok(())
    }

    /// Writes a section and fills it up.
    fn section(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)?;
        let missing = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
        self.put([0; ALIGNMENT].get(..missing).unwrap_or_default())
    }

    /// Writes the checksum.
    fn finish(self) -> io::Result<NamedTempFile> {
        let Self { mut file, hasher } = self;
        file.seek(SeekFrom::Start(CHECKSUM_AT as u64))?;
        file.write_all(hasher.finalize().as_bytes())?;
        file.flush()?;
        Ok(file)
    }
}
