//! Tables of bad binary files.

use zkpool_circuit_files::{FileError, ReadOptions, Rejection};

use crate::common::{read_key, rewrite};

/// One bad file: what is wrong with it, its bytes and whether an error is the right one.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) section: Option<u32>,
    pub(crate) expected: fn(&Rejection) -> bool,
}

macro_rules! case {
    ($name:expr, $bytes:expr, $section:expr, $($expected:tt)+) => {
        $crate::cases::Case {
            name: $name,
            bytes: $bytes,
            section: $section,
            expected: |rejection| matches!(rejection, $($expected)+),
        }
    };
}

pub(crate) use case;

pub(crate) fn check(extension: &str, cases: Vec<Case>, strict: bool) {
    for Case { name, bytes, section, expected } in cases {
        let error: FileError = if strict {
            read_key(&bytes, &ReadOptions::default()).map(drop).expect_err(name)
        } else {
            rewrite(extension, &bytes).map(drop).expect_err(name)
        };
        assert!(expected(&error.rejection), "{name}: {error}");
        assert_eq!(error.section, section, "{name}: {error}");
        assert!(error.offset <= bytes.len() as u64, "{name}: {error}");
    }
}

pub(crate) fn le(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}
