//! What a module has to be before it is run.
//!
//! A generator is a module of WebAssembly 1.0 that takes input signals and computes all others. It
//! imports at most [`IMPORTS`], through which it reports what went wrong, and exports [`EXPORTS`];
//! circom writes both since version 2.0.7. A module that asks its host for anything else is none.

use std::fmt;

use wasmparser::types::{EntityType, Types};
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, ValType, Validator, WasmFeatures};
use zkpool_types::limits::{GENERATOR_BYTES_MAX, GENERATOR_MEMORY_BYTES_MAX};

/// The module that imports come from.
pub(crate) const IMPORT_MODULE: &str = "runtime";

/// The name that the memory is exported by.
pub(crate) const MEMORY: &str = "memory";

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 65_536;

/// A function of 32-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// How many numbers it takes.
    pub parameters: usize,
    /// How many it returns.
    pub results: usize,
}

const fn takes(parameters: usize) -> Signature {
    Signature { parameters, results: 0 }
}

const fn gives(parameters: usize) -> Signature {
    Signature { parameters, results: 1 }
}

/// Everything that a generator may import, from the module [`IMPORT_MODULE`].
const IMPORTS: &[(&str, Signature)] = &[
    ("exceptionHandler", takes(1)),
    ("printErrorMessage", takes(0)),
    ("writeBufferMessage", takes(0)),
    ("showSharedRWMemory", takes(0)),
];

/// Every function that a generator exports and that is called.
pub(crate) const EXPORTS: &[(&str, Signature)] = &[
    ("getVersion", gives(0)),
    ("getFieldNumLen32", gives(0)),
    ("getRawPrime", takes(0)),
    ("getSharedRWMemoryStart", gives(0)),
    ("init", takes(1)),
    ("getInputSize", gives(0)),
    ("getInputSignalSize", gives(2)),
    ("setInputSignal", takes(3)),
    ("getWitnessSize", gives(0)),
    ("getWitness", takes(1)),
    ("getMessageChar", gives(0)),
];

/// Why a module was refused as a witness generator.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The module is too large.
    #[error("expected a module of at most {max} bytes, found {found}")]
    Size {
        /// The bound in bytes.
        max: u64,
        /// Its length in bytes.
        found: u64,
    },
    /// The bytes are no valid module of WebAssembly 1.0.
    #[error("expected a module of WebAssembly 1.0: {0}")]
    Module(#[from] wasmparser::BinaryReaderError),
    /// A section says that it has more parts than it can have.
    #[error("expected a section of at most {bytes} parts in {bytes} bytes, found {found}")]
    Section {
        /// The length of the section in bytes, of which every part has at least one.
        bytes: u64,
        /// How many parts it announces.
        found: u64,
    },
    /// The module wants something of its host that generators do not need.
    #[error("expected imports of circom 2 only, found {module:?} {name:?}")]
    Import {
        /// The module it asks for.
        module: String,
        /// What it asks of it.
        name: String,
    },
    /// The module lacks a function, or has it with another type.
    #[error("expected circom 2's exported function {name} ({expected}), found {found}")]
    Export {
        /// The function's name.
        name: &'static str,
        /// Its type.
        expected: Signature,
        /// What is exported under that name.
        found: String,
    },
    /// The memory is not exactly one of its own, or begins too large.
    #[error("expected one memory of at most {max} bytes, found {found}")]
    Memory {
        /// The bound in bytes.
        max: u64,
        /// What is there instead.
        found: String,
    },
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameters, results } = self;
        write!(f, "{parameters} parameters and {results} results of type i32")
    }
}

impl Signature {
    fn is_of(self, function: &FuncType) -> bool {
        let has = |types: &[ValType], count| {
            types.len() == count && types.iter().all(|found| *found == ValType::I32)
        };
        has(function.params(), self.parameters) && has(function.results(), self.results)
    }
}

/// Checks that a module is a generator. Nothing of it is run.
///
/// # Errors
/// The first thing that keeps it from being one.
pub fn check(module: &[u8]) -> Result<(), ModuleError> {
    let (max, found) = (GENERATOR_BYTES_MAX, module.len() as u64);
    if found > max {
        return Err(ModuleError::Size { max, found });
    }
    check_counts(module)?;
    let types = Validator::new_with_features(WasmFeatures::WASM1).validate_all(module)?;
    check_imports(&types)?;
    check_exports(&types)?;
    check_memory(&types)
}

/// Checks that no section announces more parts than it has bytes: a validator makes room for all that
/// are announced, 72 bytes for an import, before it reads the first.
fn check_counts(module: &[u8]) -> Result<(), ModuleError> {
    for payload in Parser::new(0).parse_all(module) {
        let (found, range) = match payload? {
            Payload::TypeSection(section) => (section.count(), section.range()),
            Payload::ImportSection(section) => (section.count(), section.range()),
            Payload::FunctionSection(section) => (section.count(), section.range()),
            Payload::TableSection(section) => (section.count(), section.range()),
            Payload::MemorySection(section) => (section.count(), section.range()),
            Payload::GlobalSection(section) => (section.count(), section.range()),
            Payload::ExportSection(section) => (section.count(), section.range()),
            Payload::ElementSection(section) => (section.count(), section.range()),
            Payload::DataSection(section) => (section.count(), section.range()),
            Payload::CodeSectionStart { count, range, .. } => (count, range),
            _ => continue,
        };
        let (found, bytes) = (u64::from(found), range.len() as u64);
        if found > bytes {
            return Err(ModuleError::Section { bytes, found });
        }
    }
    Ok(())
}

fn check_imports(types: &Types) -> Result<(), ModuleError> {
    for (module, name, found) in types.as_ref().core_imports().into_iter().flatten() {
        let known = IMPORTS.iter().find(|(known, _)| module == IMPORT_MODULE && name == *known);
        if !known.is_some_and(|(_, signature)| is_function(types, &found, *signature)) {
            let shown = |text: &str| text.chars().take(80).collect();
            return Err(ModuleError::Import { module: shown(module), name: shown(name) });
        }
    }
    Ok(())
}

fn check_exports(types: &Types) -> Result<(), ModuleError> {
    for (name, expected) in EXPORTS {
        let (name, expected) = (*name, *expected);
        let found = export(types, name);
        if !found.is_some_and(|found| is_function(types, &found, expected)) {
            let found = if found.is_some() { "something else" } else { "none" }.to_owned();
            return Err(ModuleError::Export { name, expected, found });
        }
    }
    Ok(())
}

fn check_memory(types: &Types) -> Result<(), ModuleError> {
    let max = GENERATOR_MEMORY_BYTES_MAX;
    let refused = |found: String| Err(ModuleError::Memory { max, found });
    let Some(EntityType::Memory(memory)) = export(types, MEMORY) else {
        return refused("none that is exported".into());
    };
    let bytes = memory.initial.saturating_mul(PAGE_BYTES);
    if bytes > max { refused(format!("{bytes} bytes")) } else { Ok(()) }
}

fn export(types: &Types, name: &str) -> Option<EntityType> {
    let mut exports = types.as_ref().core_exports()?;
    exports.find(|(exported, _)| *exported == name).map(|(_, found)| found)
}

fn is_function(types: &Types, found: &EntityType, expected: Signature) -> bool {
    let EntityType::Func(id) = found else { return false };
    let Some(found) = types.as_ref().get(*id) else { return false };
    matches!(&found.composite_type.inner, CompositeInnerType::Func(found) if expected.is_of(found))
}
