//! Binary files of circom and snarkjs, and the modules that compute witnesses.

use std::io::Cursor;

use zkpool_circuit_files::{GroupChecks, ReadOptions, r1cs, wtns, zkey};
use zkpool_witness::Generator;

use crate::target::{Breach, Format, Held, Meter, Target, Verdict, accepted_as, refused};

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "zkey", format: Format::Zkey, read: read_zkey },
    Target { name: "wtns", format: Format::Wtns, read: read_wtns },
    Target { name: "r1cs", format: Format::R1cs, read: read_r1cs },
    Target { name: "generator", format: Format::Wasm, read: read_generator },
];

/// Accepts everything that can be proved with at all, so that most is read of most files.
pub(crate) const LENIENT: ReadOptions =
    ReadOptions { allow_development: true, group_checks: GroupChecks::Full };

fn read_zkey(input: &[u8], meter: &mut Meter) -> Held {
    let peeked = meter.measure(|| zkey::peek(Cursor::new(input)));
    match meter.measure(|| zkey::read(Cursor::new(input), &LENIENT)) {
        Err(error) => refused(&error),
        Ok(_) if peeked.is_err() => {
            Err(Breach::new("a key was read whose headers alone were refused"))
        }
        Ok(key) => {
            let mut written = Vec::with_capacity(input.len());
            zkey::write(&mut written, &key).map_err(Breach::new)?;
            accepted_as(&written, input)
        }
    }
}

fn read_wtns(input: &[u8], meter: &mut Meter) -> Held {
    match meter.measure(|| wtns::read(Cursor::new(input))) {
        Err(error) => refused(&error),
        Ok(witness) => {
            let mut written = Vec::with_capacity(input.len());
            wtns::write(&mut written, &witness).map_err(Breach::new)?;
            accepted_as(&written, input)
        }
    }
}

fn read_r1cs(input: &[u8], meter: &mut Meter) -> Held {
    match meter.measure(|| r1cs::read(Cursor::new(input))) {
        Err(error) => refused(&error),
        Ok(system) => {
            let mut written = Vec::with_capacity(input.len());
            r1cs::write(&mut written, &system).map_err(Breach::new)?;
            accepted_as(&written, input)
        }
    }
}

/// A module is checked as a registration does, and made ready as a prover does, but not run.
fn read_generator(input: &[u8], meter: &mut Meter) -> Held {
    match meter.measure(|| zkpool_witness::check(input)) {
        Err(error) => refused(&error),
        // What a module is translated to is larger than it, and as large as it was allowed to be.
        Ok(()) => match Generator::new(input) {
            Err(error) => refused(&error),
            Ok(_) => Ok(Verdict::Accepted),
        },
    }
}
