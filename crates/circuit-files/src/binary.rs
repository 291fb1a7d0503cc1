//! The container of iden3 binaries: magic, version, number of sections, then the sections.
//!
//! Everything is little-endian. Each section is its id (u32), its size in bytes (u64) and its
//! content. Sizes are checked against the file before anything is allocated for them.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use zkpool_types::Sha256Digest;

use crate::error::{FileError, FileKind, Rejection};
use crate::prepared::Fingerprint;

/// Bytes read, hashed and decoded at a time: enough to occupy all cores, little beside a key.
const CHUNK_BYTES: usize = 1 << 20;

/// Bytes of a section's id and size.
const SECTION_HEADER_BYTES: u64 = 12;

/// Where a section lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) id: u32,
    /// Where its content begins, in bytes from the start of the file.
    pub(crate) offset: u64,
    /// Length of its content in bytes.
    pub(crate) size: u64,
}

/// The sections of a file in the order of the file.
#[derive(Debug)]
pub(crate) struct Sections(pub(crate) Vec<Section>);

impl Sections {
    pub(crate) fn find(&self, id: u32) -> Option<Section> {
        self.0.iter().copied().find(|section| section.id == id)
    }
}

/// A file that is being read, at some position of some section.
#[derive(Debug)]
pub(crate) struct Input<R> {
    reader: BufReader<R>,
    file: FileKind,
    position: u64,
    /// Where the current section, or the file, ends.
    limit: u64,
    section: Option<u32>,
    length: u64,
    /// The hashes of everything read so far, where they are wanted.
    hashers: Option<Hashers>,
}

/// The hash that names a file everywhere, and the fast one that names it on this machine.
#[derive(Debug, Default)]
struct Hashers {
    sha256: Sha256,
    blake3: blake3::Hasher,
}

impl Hashers {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blake3.update(bytes);
    }

    /// `update` on two cores.
    fn update_in_parallel(&mut self, bytes: &[u8]) {
        let Self { sha256, blake3 } = self;
        rayon::join(|| sha256.update(bytes), || blake3.update(bytes));
    }
}

impl<R: Read + Seek> Input<R> {
    /// Begins to read a file from its start.
    pub(crate) fn new(mut reader: R, file: FileKind) -> Result<Self, FileError> {
        let measured = reader.seek(SeekFrom::End(0)).and_then(|length| {
            reader.rewind()?;
            Ok(length)
        });
        let at_start = |error| FileError { file, section: None, offset: 0, rejection: error };
        let length = measured.map_err(|error| at_start(Rejection::Io(error)))?;
        let reader = BufReader::with_capacity(CHUNK_BYTES / 8, reader);
        let section = None;
        Ok(Self { reader, file, position: 0, limit: length, section, length, hashers: None })
    }

    /// The length of the whole file in bytes.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Where the next byte comes from.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Bytes left in the current section, or in the file while in none.
    pub(crate) const fn left(&self) -> u64 {
        self.limit - self.position
    }

    /// The error of this reason at the current position.
    pub(crate) fn reject(&self, rejection: impl Into<Rejection>) -> FileError {
        self.reject_at(self.position, rejection)
    }

    /// The error of this reason at `offset` of the current section.
    pub(crate) fn reject_at(&self, offset: u64, rejection: impl Into<Rejection>) -> FileError {
        FileError { file: self.file, section: self.section, offset, rejection: rejection.into() }
    }

    fn demand(&self, bytes: u64) -> Result<(), FileError> {
        let found = self.left();
        if bytes <= found {
            return Ok(());
        }
        Err(self.reject(Rejection::Truncated { expected: bytes, found }))
    }

    fn fill_unhashed(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        self.demand(buffer.len() as u64)?;
        self.reader.read_exact(buffer).map_err(|error| self.reject(error))?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    /// Fills `buffer` with the next bytes.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        self.fill_unhashed(buffer)?;
        if let Some(hashers) = &mut self.hashers {
            hashers.update(buffer);
        }
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FileError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FileError> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next `count` bytes. Nothing is allocated unless the section has that many.
    pub(crate) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, FileError> {
        self.demand(count)?;
        let mut bytes = vec![0; self.count(count)?];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A count of things that were found to fit the file, as an index of memory.
    pub(crate) fn count(&self, count: u64) -> Result<usize, FileError> {
        let too_large = || Rejection::Truncated { expected: count, found: self.left() };
        usize::try_from(count).map_err(|_| self.reject(too_large()))
    }

    /// Everything that is left of the section.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>, FileError> {
        self.bytes(self.left())
    }

    /// Checks the container and lists its sections.
    pub(crate) fn sections(&mut self) -> Result<Sections, FileError> {
        self.preamble()?;
        let announced = self.section_count()?;
        let mut sections = Sections(Vec::with_capacity(announced as usize));
        for _ in 0..announced {
            let section = self.next_section(&sections)?;
            sections.0.push(section);
        }
        match self.left() {
            0 => Ok(sections),
            found => Err(self.reject(Rejection::TrailingBytes { found })),
        }
    }

    /// Reads magic and version.
    fn preamble(&mut self) -> Result<(), FileError> {
        let (at, expected) = (self.position, self.file.magic());
        let found = self.array()?;
        if found != *expected.as_bytes() {
            return Err(self.reject_at(at, Rejection::Magic { expected, found }));
        }
        let (at, expected, found) = (self.position, self.file.version(), self.u32()?);
        if found != expected {
            return Err(self.reject_at(at, Rejection::Version { expected, found }));
        }
        Ok(())
    }

    fn section_count(&mut self) -> Result<u32, FileError> {
        let (at, max, found) = (self.position, *self.file.section_ids().end(), self.u32()?);
        if found > max {
            return Err(self.reject_at(at, Rejection::SectionCount { max, found }));
        }
        Ok(found)
    }

    /// Reads one section's header and skips its content.
    fn next_section(&mut self, before: &Sections) -> Result<Section, FileError> {
        let (at, id) = (self.position, self.u32()?);
        if !self.file.section_ids().contains(&id) {
            let max = *self.file.section_ids().end();
            return Err(self.reject_at(at, Rejection::UnknownSection { max, found: id }));
        }
        if before.find(id).is_some() {
            return Err(self.reject_at(at, Rejection::DuplicateSection { found: id }));
        }
        let size = self.u64()?;
        let section = Section { id, offset: self.position, size };
        self.demand(size).map_err(|error| FileError { section: Some(id), ..error })?;
        self.seek(section.offset + size)?;
        Ok(section)
    }

    fn seek(&mut self, position: u64) -> Result<(), FileError> {
        let sought = self.reader.seek(SeekFrom::Start(position));
        sought.map_err(|error| self.reject(error))?;
        self.position = position;
        Ok(())
    }

    /// The section of this id, which the format demands.
    pub(crate) fn require(&self, sections: &Sections, id: u32) -> Result<Section, FileError> {
        let missing = || self.reject(Rejection::MissingSection { expected: id });
        sections.find(id).ok_or_else(missing)
    }

    /// Moves to the beginning of a section.
    pub(crate) fn enter(&mut self, section: Section) -> Result<(), FileError> {
        self.seek(section.offset)?;
        self.set_section(section);
        Ok(())
    }

    const fn set_section(&mut self, section: Section) {
        self.section = Some(section.id);
        self.limit = section.offset + section.size;
    }

    /// Goes back to the start of the file and hashes every byte that is read from now on.
    ///
    /// The sections are then read with `advance`, in the order of the file, so that the digest is
    /// of exactly the bytes that were parsed.
    pub(crate) fn restart_hashed(&mut self) -> Result<(), FileError> {
        self.seek(0)?;
        self.section = None;
        self.limit = self.length;
        self.hashers = Some(Hashers::default());
        self.preamble()?;
        self.section_count().map(drop)
    }

    /// What section 1 holds, and at which offset, where it comes first and holds one number.
    ///
    /// Files of other kinds may share the magic and fail every later check, so this is looked at
    /// before the section table is. Afterwards reading starts again at the beginning.
    pub(crate) fn leading_number(&mut self) -> Result<Option<(u64, u32)>, FileError> {
        /// The bytes of a section that holds one number, and of the section count before it.
        const NEEDED: u64 = 4 + SECTION_HEADER_BYTES + 4;
        self.preamble()?;
        let mut number = None;
        if self.left() >= NEEDED {
            self.u32()?;
            let header = (self.u32()?, self.u64()?);
            let found = (self.position, self.u32()?);
            number = Some(found).filter(|_| header == (1, 4));
        }
        self.seek(0)?;
        Ok(number)
    }

    /// Reads the header of the next section in file order, which must be as it was listed.
    pub(crate) fn advance(&mut self, section: Section) -> Result<(), FileError> {
        self.section = None;
        self.limit = self.length;
        let found = (self.u32()?, self.u64()?, self.position);
        if found != (section.id, section.size, section.offset) {
            let start = section.offset - SECTION_HEADER_BYTES;
            return Err(self.reject_at(start, Rejection::Changed));
        }
        self.set_section(section);
        Ok(())
    }

    /// Checks that the section has been read to its end.
    pub(crate) fn leave(&self, section: Section) -> Result<(), FileError> {
        let expected = self.position - section.offset;
        self.expect_size(section, expected)
    }

    /// Checks the section's size against what its counts say.
    pub(crate) fn expect_size(&self, section: Section, expected: u64) -> Result<(), FileError> {
        let found = section.size;
        if found == expected {
            return Ok(());
        }
        Err(self.reject_at(section.offset, Rejection::SectionSize { expected, found }))
    }

    /// SHA-256 and BLAKE3 of the bytes read since `restart_hashed`.
    pub(crate) fn digests(self) -> (Sha256Digest, Fingerprint) {
        let Hashers { sha256, blake3 } = self.hashers.unwrap_or_default();
        (Sha256Digest::from_bytes(sha256.finalize().into()), blake3.finalize().into())
    }

    /// Reads `count` records of `width` bytes, decodes them on all cores and hands them to `sink`
    /// in order, a chunk at a time.
    ///
    /// The caller has checked that the section has that many bytes. An error is that of the first
    /// bad record, and its offset is where that record begins.
    pub(crate) fn records<T: Send>(
        &mut self,
        shape: (u64, usize),
        decode: impl Fn(u64, &[u8]) -> Result<T, Rejection> + Sync,
        mut sink: impl FnMut(u64, Vec<T>) -> Result<(), (u64, Rejection)> + Send,
    ) -> Result<(), FileError> {
        self.chunks(shape, |first, bytes| sink(first, decode_all(first, bytes, shape.1, &decode)?))
    }

    /// Reads `count` records of `width` bytes and hands them to `consume` in order, as many at a
    /// time as occupy all cores, while they are hashed.
    pub(crate) fn chunks(
        &mut self,
        (count, width): (u64, usize),
        mut consume: impl FnMut(u64, &[u8]) -> Result<(), (u64, Rejection)> + Send,
    ) -> Result<(), FileError> {
        let start = self.position;
        let per_chunk = (CHUNK_BYTES / width).max(1);
        let count = self.count(count)?;
        let mut buffer = vec![0; count.min(per_chunk) * width];
        for first in (0..count).step_by(per_chunk) {
            let wanted = (count - first).min(per_chunk) * width;
            let bytes = buffer.get_mut(..wanted).unwrap_or_default();
            self.fill_unhashed(bytes)?;
            let hashers = &mut self.hashers;
            let hash = || hashers.iter_mut().for_each(|hashers| hashers.update_in_parallel(bytes));
            let ((), consumed) = rayon::join(hash, || consume(first as u64, bytes));
            consumed.map_err(|(index, rejection)| {
                self.reject_at(start + index * width as u64, rejection)
            })?;
        }
        Ok(())
    }
}

/// Below this many records a second core costs more than it helps.
pub(crate) const RECORDS_MIN: usize = 256;

/// Decodes the records in `bytes`, the first of which has index `first`.
fn decode_all<T: Send>(
    first: u64,
    bytes: &[u8],
    width: usize,
    decode: &(impl Fn(u64, &[u8]) -> Result<T, Rejection> + Sync),
) -> Result<Vec<T>, (u64, Rejection)> {
    let records = bytes.par_chunks_exact(width).with_min_len(RECORDS_MIN).enumerate();
    let decode_one = |(i, record): (usize, &[u8])| {
        let index = first + i as u64;
        decode(index, record).map_err(|rejection| (index, rejection))
    };
    let attempted: Result<Vec<T>, _> = records.map(decode_one).collect();
    // Which of several bad records a parallel collect reports is left to chance; the first is
    // found again in order, so that a file has one error.
    attempted.or_else(|_| bytes.chunks_exact(width).enumerate().map(decode_one).collect())
}

/// Writes magic, version and number of sections.
pub(crate) fn write_preamble(
    writer: &mut impl Write,
    file: FileKind,
    sections: u32,
) -> io::Result<()> {
    writer.write_all(file.magic().as_bytes())?;
    writer.write_all(&file.version().to_le_bytes())?;
    writer.write_all(&sections.to_le_bytes())
}

/// Writes a section that is in memory.
pub(crate) fn write_section(writer: &mut impl Write, id: u32, content: &[u8]) -> io::Result<()> {
    writer.write_all(&id.to_le_bytes())?;
    writer.write_all(&(content.len() as u64).to_le_bytes())?;
    writer.write_all(content)
}

/// A number of things as the formats count them.
pub(crate) fn countable(count: usize) -> io::Result<u32> {
    u32::try_from(count).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
