//! From inputs to a witness.

use std::fmt;

use wasmi::{CompilationMode, Config, Engine, Module};
use zkpool_circuit_files::inputs::{self, Inputs, Signal};
use zkpool_circuit_files::{scalar, wtns};
use zkpool_ports::Clock;
use zkpool_types::{Curve, Secret};

use crate::error::{Exception, GenerateError};
use crate::interface;
use crate::limits::Limits;
use crate::session::Session;

/// 32-bit words of an element of both fields.
const ELEMENT_WORDS: i32 = 8;

/// Bytes of an element.
const ELEMENT_BYTES: usize = 32;

/// Names of signals that an error lists.
const NAMES_SHOWN_MAX: usize = 8;

/// A witness generator, ready for any number of runs on any number of threads.
pub struct Generator {
    engine: Engine,
    module: Module,
}

impl Generator {
    /// Checks a module and makes it ready.
    ///
    /// # Errors
    /// It is no witness generator.
    pub fn new(module: &[u8]) -> Result<Self, GenerateError> {
        interface::check(module)?;
        let mut config = Config::default();
        // All code is translated at once, so that a run takes the same fuel every time.
        config.consume_fuel(true).compilation_mode(CompilationMode::Eager);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, module).map_err(GenerateError::Preparation)?;
        Ok(Self { engine, module })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// The witness for inputs in JSON, as a `.wtns` file. It blocks its thread.
    ///
    /// # Errors
    /// The inputs are not the circuit's or do not satisfy it, or the module fails or goes beyond
    /// the limits.
    pub fn witness(
        &self,
        json: &[u8],
        limits: Limits,
        clock: &dyn Clock,
    ) -> Result<Secret<Vec<u8>>, GenerateError> {
        let mut session = Session::start(self, limits, clock)?;
        let curve = curve(&mut session)?;
        let inputs = inputs::read(json, curve)?;
        let size = witness_size(&mut session, limits.values)?;
        session.scale_to(size.into());
        // No sanity checks beyond those of the circuit, as snarkjs does by default.
        session.call::<_, ()>("init", 0)?;
        check(&mut session, &inputs)?;
        set(&mut session, &inputs)?;
        collect(&mut session, curve, size)
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator").finish_non_exhaustive()
    }
}

/// The curve whose scalar field the module computes in.
fn curve(session: &mut Session<'_>) -> Result<Curve, GenerateError> {
    let words: i32 = session.call("getFieldNumLen32", ())?;
    if words != ELEMENT_WORDS {
        return Err(GenerateError::Field);
    }
    session.call::<_, ()>("getRawPrime", ())?;
    let exchange = session.exchange()?;
    let prime = session.take(&exchange)?;
    scalar::curve_of_prime(&prime).ok_or(GenerateError::Field)
}

/// Checks that the inputs are those of the circuit, each of its length.
fn check(session: &mut Session<'_>, inputs: &Inputs) -> Result<(), GenerateError> {
    let mut found = 0;
    for given in inputs.signals() {
        let (signal, count) = (given.shown(), given.values().len() as u64);
        let Some(expected) = size(session, given)? else {
            return Err(GenerateError::UnknownSignal { signal });
        };
        if count != expected {
            return Err(GenerateError::ValueCount { signal, expected, found: count });
        }
        found += count;
    }
    let size: i32 = session.call("getInputSize", ())?;
    let expected = u64::from(size.cast_unsigned());
    if found < expected {
        return Err(GenerateError::MissingSignals { expected, found, given: names(inputs) });
    }
    Ok(())
}

/// Values that a signal takes, if the circuit has it. Generators say of others that they take none,
/// or report them.
fn size(session: &mut Session<'_>, signal: &Signal) -> Result<Option<u64>, GenerateError> {
    let not_found = Exception::SignalNotFound;
    match session.call::<_, i32>("getInputSignalSize", halves(name_hash(signal.name()))) {
        Ok(0) if !signal.values().is_empty() => Ok(None),
        Ok(size) => Ok(u64::try_from(size).ok()),
        Err(GenerateError::Reported { exception, .. }) if exception == not_found => Ok(None),
        Err(error) => Err(error),
    }
}

/// The names of the signals that were given, as an error lists them.
fn names(inputs: &Inputs) -> String {
    let signals = inputs.signals();
    let first: Vec<_> = signals.iter().take(NAMES_SHOWN_MAX).map(Signal::shown).collect();
    let more = if signals.len() > first.len() { ", …" } else { "" };
    if first.is_empty() { "none".to_owned() } else { first.join(", ") + more }
}

/// Sets every input. The module computes all other signals when it has the last one.
fn set(session: &mut Session<'_>, inputs: &Inputs) -> Result<(), GenerateError> {
    let exchange = session.exchange()?;
    let set_one = session.function::<(i32, i32, i32), ()>("setInputSignal")?;
    for signal in inputs.signals() {
        let (high, low) = halves(name_hash(signal.name()));
        for (position, element) in (0..).zip(signal.values()) {
            session.put(&exchange, element)?;
            session.run(&set_one, (high, low, position))?;
        }
    }
    Ok(())
}

/// How many values the witness has.
fn witness_size(session: &mut Session<'_>, max: u64) -> Result<u32, GenerateError> {
    let size: i32 = session.call("getWitnessSize", ())?;
    let count = size.cast_unsigned();
    let found = u64::from(count);
    if found > max { Err(GenerateError::Values { max, found }) } else { Ok(count) }
}

/// Collects the value of every signal into a file.
fn collect(
    session: &mut Session<'_>,
    curve: Curve,
    count: u32,
) -> Result<Secret<Vec<u8>>, GenerateError> {
    let exchange = session.exchange()?;
    let fetch = session.function::<i32, ()>("getWitness")?;
    let mut file = wtns::head(curve, count);
    file.reserve_exact(count as usize * ELEMENT_BYTES);
    for index in 0..count {
        session.run(&fetch, index.cast_signed())?;
        file.extend(session.take(&exchange)?);
    }
    Ok(Secret::new(file))
}

/// The hash by which generators know names: 64-bit FNV-1a over UTF-16 units.
fn name_hash(name: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x100_0000_01B3;
    name.encode_utf16()
        .fold(OFFSET_BASIS, |hash, unit| (hash ^ u64::from(unit)).wrapping_mul(PRIME))
}

/// The upper and the lower half of a hash, as WebAssembly passes them.
fn halves(hash: u64) -> (i32, i32) {
    let [.., a, b, c, d] = hash.to_le_bytes();
    let [e, f, g, h, ..] = hash.to_le_bytes();
    (i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]))
}
