//! Prepared keys. Their checksum finds damage, so that each input is tried with its own checksum
//! and again with the right one: what lies behind it has to hold as well.

use std::fs;

use zkpool_circuit_files::prepared::{self, Fingerprint};

use crate::files::LENIENT;
use crate::target::{Breach, Format, Held, Meter, Target, accepted_as, refused};

pub(crate) const TARGETS: &[Target] =
    &[Target { name: "prepared_key", format: Format::Prepared, read: read_prepared }];

/// Where the checksum is in a file, what it covers begins, and where the fingerprint of the key is:
/// behind magic and version, behind it, and behind the key's SHA-256.
const CHECKSUM_AT: usize = 16;
const BODY_AT: usize = CHECKSUM_AT + blake3::OUT_LEN;
const FINGERPRINT_AT: usize = BODY_AT + 32;

fn read_prepared(input: &[u8], meter: &mut Meter) -> Held {
    let as_it_is = open(input, meter)?;
    match with_checksum(input) {
        Some(sound) => {
            open(&sound, meter)?;
            Ok(as_it_is)
        }
        None => Ok(as_it_is),
    }
}

/// The same file with the checksum of its content, if it is long enough for one.
fn with_checksum(input: &[u8]) -> Option<Vec<u8>> {
    let checksum = blake3::hash(input.get(BODY_AT..)?);
    let mut sound = input.to_vec();
    sound.get_mut(CHECKSUM_AT..BODY_AT)?.copy_from_slice(checksum.as_bytes());
    Some(sound)
}

fn open(input: &[u8], meter: &mut Meter) -> Held {
    // A folder of its own for each input: what is mapped is never written to.
    let folder = tempfile::tempdir().map_err(Breach::new)?;
    let (read, written) = (folder.path().join("read"), folder.path().join("written"));
    fs::write(&read, input).map_err(Breach::new)?;
    match meter.measure(|| prepared::open(&read, &fingerprint(input), &LENIENT)) {
        Err(error) => refused(&error),
        Ok(key) => {
            prepared::write(&written, &key).map_err(Breach::new)?;
            accepted_as(&fs::read(&written).map_err(Breach::new)?, input)
        }
    }
}

/// The key that the file says it is of.
fn fingerprint(input: &[u8]) -> Fingerprint {
    let bytes = input.get(FINGERPRINT_AT..).and_then(<[u8]>::first_chunk::<32>);
    bytes.copied().unwrap_or_default().into()
}
