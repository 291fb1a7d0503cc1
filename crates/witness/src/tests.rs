//! Real generators beside their witnesses, and hostile ones.

use std::time::Duration;

use zkpool_ports::{SystemClock, VirtualClock};
use zkpool_types::ErrorCode;

use crate::{Exception, GenerateError, Generator, Limits, Place};

const MULTIPLIER: &[u8] = include_bytes!("../../../tests/fixtures/bn128/multiplier.wasm");
const MULTIPLIER_WITNESS: &[u8] = include_bytes!("../../../tests/fixtures/bn128/multiplier.wtns");
const MULTIPLIER_INPUTS: &str = include_str!("../../../tests/fixtures/multiplier.json");
const BLS_MULTIPLIER: &[u8] = include_bytes!("../../../tests/fixtures/bls12-381/multiplier.wasm");
const BLS_MULTIPLIER_WITNESS: &[u8] =
    include_bytes!("../../../tests/fixtures/bls12-381/multiplier.wtns");
const ROLLUP: &[u8] = include_bytes!("../../../circuits/rollup/artifacts/rollup_1.wasm");
const ROLLUP_WITNESS: &[u8] = include_bytes!("../../../circuits/rollup/artifacts/batches/1.wtns");
const ROLLUP_INPUTS: &str = include_str!("../../../circuits/rollup/artifacts/batches/1.json");

fn run(module: &[u8], json: &str) -> Result<Vec<u8>, GenerateError> {
    run_within(Limits::default(), module, json)
}

fn run_within(limits: Limits, module: &[u8], json: &str) -> Result<Vec<u8>, GenerateError> {
    let witness = Generator::new(module)?.witness(json.as_bytes(), limits, &SystemClock::new())?;
    Ok(witness.into_inner())
}

/// A module that does this when an input is set, and has these other parts.
fn module(set_input: &str, more: &str) -> Vec<u8> {
    let text = include_str!("../../../tests/fixtures/generator.wat");
    wat::parse_str(text.replace("SET_INPUT", set_input).replace("MORE", more)).unwrap()
}

const TWO_VALUES: &str = r#"(func (export "getWitnessSize") (result i32) i32.const 2)"#;

fn hostile(set_input: &str) -> GenerateError {
    let limits = Limits { fuel: 200_000_000, ..Limits::default() };
    run_within(limits, &module(set_input, TWO_VALUES), r#"{"a": 31337}"#).unwrap_err()
}

#[test]
fn witnesses_are_those_of_snarkjs() {
    assert_eq!(run(MULTIPLIER, MULTIPLIER_INPUTS).unwrap(), MULTIPLIER_WITNESS);
    assert_eq!(run(BLS_MULTIPLIER, MULTIPLIER_INPUTS).unwrap(), BLS_MULTIPLIER_WITNESS);
    assert_eq!(run(ROLLUP, ROLLUP_INPUTS).unwrap(), ROLLUP_WITNESS);
}

#[test]
fn a_section_of_more_parts_than_bytes_is_rejected_before_there_is_room_made_for_them() {
    // A million imports, in LEB128, of which there is none.
    let module = [b"\0asm\x01\0\0\0".as_slice(), &[2, 3, 0xC0, 0x84, 0x3D]].concat();
    let error = Generator::new(&module).unwrap_err();
    let expected = "expected a section of at most 3 parts in 3 bytes, found 1000000";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(error.code(), ErrorCode::InvalidGenerator);
}

#[test]
fn one_generator_makes_many_witnesses() {
    let generator = Generator::new(MULTIPLIER).unwrap();
    let clock = SystemClock::new();
    let witness = |json: &str| generator.witness(json.as_bytes(), Limits::default(), &clock);
    let first = witness(MULTIPLIER_INPUTS).unwrap();
    assert_ne!(witness(r#"{"a": 5, "b": 6, "k": -1}"#).unwrap(), first);
    assert!(witness(r#"{"a": 5}"#).is_err());
    assert_eq!(witness(MULTIPLIER_INPUTS).unwrap(), first);
}

#[test]
fn a_signal_that_is_not_the_circuits_is_named() {
    let error = run(MULTIPLIER, r#"{"a": 1, "b": 2, "k": 3, "seed": 4}"#).unwrap_err();
    assert_eq!(error.to_string(), "expected inputs of the circuit only, found signal seed");
    assert_eq!(error.code(), ErrorCode::InvalidInputs);
}

#[test]
fn a_signal_with_too_many_or_too_few_values_is_named() {
    let error = run(MULTIPLIER, r#"{"a": 1, "b": [2, 3], "k": 3}"#).unwrap_err();
    assert_eq!(error.to_string(), "expected 1 values for signal b, found 2");
    let error = run(MULTIPLIER, r#"{"a": 1, "b": [], "k": 3}"#).unwrap_err();
    assert_eq!(error.to_string(), "expected 1 values for signal b, found 0");
    assert_eq!(error.code(), ErrorCode::InvalidInputs);
}

#[test]
fn missing_signals_are_counted_beside_those_that_are_there() {
    let error = run(MULTIPLIER, r#"{"a": 1, "k": 3}"#).unwrap_err();
    let expected = "expected 3 values of input signals in all, found 2: \
                    one or more signals are missing beside a, k";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.code(), ErrorCode::InvalidInputs);
}

#[test]
fn a_value_that_is_no_element_is_named() {
    let error = run(MULTIPLIER, r#"{"a": 1, "b": "two", "k": 3}"#).unwrap_err();
    assert!(error.to_string().contains("signal b"), "{error}");
    assert_eq!(error.code(), ErrorCode::InvalidInputs);
}

#[test]
fn inputs_that_do_not_satisfy_the_circuit_are_told_by_template_and_line() {
    let inputs = ROLLUP_INPUTS.replacen("87485", "87486", 1);
    let error = run(ROLLUP, &inputs).unwrap_err();
    let GenerateError::Unsatisfied { places } = &error else { panic!("{error:?}") };
    let templates: Vec<_> =
        places.iter().map(|place| place.template.split('_').next().unwrap()).collect();
    let expected = ["ForceEqualIfEnabled", "EdDSAPoseidonVerifier", "Transfer", "Rollup"];
    assert_eq!(templates, expected, "{error}");
    assert_eq!(error.code(), ErrorCode::UnsatisfiedWitness);
}

#[test]
fn an_endless_loop_ends_where_the_fuel_does() {
    let error = hostile("(loop $forever br $forever)");
    assert!(matches!(error, GenerateError::Fuel { max: 200_000_000 }), "{error:?}");
    assert_eq!(error.code(), ErrorCode::GeneratorLimit);
}

#[test]
fn a_circuit_of_few_values_gets_few_instructions_and_little_memory() {
    let run = |set_input| run(&module(set_input, TWO_VALUES), r#"{"a": 1}"#).unwrap_err();
    let error = run("(loop $forever br $forever)");
    assert!(matches!(error, GenerateError::Fuel { max: 250_400_000 }), "{error:?}");
    let error = run("(loop $more (drop (memory.grow (i32.const 1))) br $more)");
    assert!(matches!(error, GenerateError::Memory { max: 16_779_264 }), "{error:?}");
    assert_eq!(Limits::default().scaled_to(1 << 20), Limits::default());
}

#[test]
fn an_endless_start_ends_where_the_fuel_does() {
    let more = format!("{TWO_VALUES} (func $spin (loop $forever br $forever)) (start $spin)");
    let limits = Limits { fuel: 200_000_000, ..Limits::default() };
    let error = run_within(limits, &module("", &more), r#"{"a": 1}"#).unwrap_err();
    assert!(matches!(error, GenerateError::Fuel { .. }), "{error:?}");
}

/// What a run ends with while the clock goes on and on.
fn a_run_on_a_slow_machine(set_input: &str) -> GenerateError {
    let many = TWO_VALUES.replace("const 2", "const 1000000");
    let generator = Generator::new(&module(set_input, &many)).unwrap();
    let clock = VirtualClock::new();
    let limits = Limits { time: Duration::from_secs(10), ..Limits::default() };
    std::thread::scope(|threads| {
        let run = threads.spawn(|| generator.witness(br#"{"a": 1}"#, limits, &clock));
        while !run.is_finished() {
            clock.advance(Duration::from_secs(1));
            std::thread::yield_now();
        }
        run.join().unwrap().unwrap_err()
    })
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    let error = a_run_on_a_slow_machine("(loop $forever br $forever)");
    assert!(matches!(error, GenerateError::Time { .. }), "{error:?}");
    assert_eq!(error.code(), ErrorCode::GeneratorLimit);
}

#[test]
fn memory_does_not_grow_beyond_its_limit() {
    let error = hostile("(loop $more (drop (memory.grow (i32.const 1000))) br $more)");
    assert!(matches!(error, GenerateError::Memory { .. }), "{error:?}");
    assert_eq!(error.code(), ErrorCode::GeneratorLimit);
}

#[test]
fn endless_recursion_is_a_trap() {
    let more = format!("{TWO_VALUES} (func $deeper (call $deeper) (call $deeper))");
    let error = run(&module("(call $deeper)", &more), r#"{"a": 1}"#).unwrap_err();
    assert!(matches!(error, GenerateError::Trapped(_)), "{error:?}");
    assert_eq!(error.code(), ErrorCode::GeneratorFailed);
}

#[test]
fn a_trap_is_told_by_its_kind() {
    let error = hostile("unreachable");
    assert!(matches!(error, GenerateError::Trapped(wasmi::TrapCode::UnreachableCodeReached)));
    let error = hostile("(drop (i32.load (i32.const -8)))");
    assert!(matches!(error, GenerateError::Trapped(wasmi::TrapCode::MemoryOutOfBounds)));
    assert_eq!(error.code(), ErrorCode::GeneratorFailed);
}

#[test]
fn what_is_reported_is_told_and_what_is_printed_is_not() {
    let report =
        r#"(data (i32.const 64) "Error in template A_1 line: 7\00the secret is 31337\00")"#;
    let more = format!("{TWO_VALUES} {report}");
    let body = "(call $report) (call $report) (call $raise (i32.const 5))";
    let error = run(&module(body, &more), r#"{"a": 31337}"#).unwrap_err();
    let GenerateError::Reported { exception, places } = &error else { panic!("{error:?}") };
    assert_eq!(*exception, Exception::OutOfMemory);
    assert_eq!(*places, [Place { template: "A_1".to_owned(), line: 7 }]);
    assert!(!error.to_string().contains("31337"), "{error}");
}

#[test]
fn reports_without_end_are_not_read_to_their_end() {
    let body = "(loop $forever (call $report) br $forever)";
    let error = hostile(body);
    assert!(matches!(error, GenerateError::Fuel { .. }), "{error:?}");
}

#[test]
fn a_witness_of_any_length_that_a_module_likes_is_rejected() {
    let more = r#"(func (export "getWitnessSize") (result i32) i32.const -1)"#;
    let error = run(&module("", more), r#"{"a": 1}"#).unwrap_err();
    assert!(matches!(error, GenerateError::Values { found: 0xFFFF_FFFF, .. }), "{error:?}");
    assert_eq!(error.code(), ErrorCode::GeneratorLimit);
}

#[test]
fn another_field_is_rejected() {
    let more = format!(r#"{TWO_VALUES} (data (i32.const 0) "\02")"#);
    let error = run(&module("", &more), r#"{"a": 1}"#).unwrap_err();
    assert!(matches!(error, GenerateError::Field), "{error:?}");
}

#[test]
fn a_module_that_wants_more_of_its_host_is_rejected_before_it_runs() {
    for import in [
        r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
        r#"(import "runtime" "readFile" (func (param i32)))"#,
        r#"(import "runtime" "exceptionHandler" (func (param i64)))"#,
        r#"(import "env" "memory" (memory 1))"#,
    ] {
        let error = Generator::new(&wat::parse_str(format!("(module {import})")).unwrap());
        let error = error.unwrap_err();
        assert!(error.to_string().contains("expected imports of circom 2 only"), "{error}");
        assert_eq!(error.code(), ErrorCode::InvalidGenerator);
    }
}

#[test]
fn what_is_no_generator_is_rejected_by_name() {
    let error = |text: &str| Generator::new(&wat::parse_str(text).unwrap()).unwrap_err();
    assert!(error("(module)").to_string().contains("getVersion"));
    let other_type = r#"(module (func (export "getVersion") (result i64) i64.const 2))"#;
    assert!(error(other_type).to_string().contains("found something else"));
    let simd = "(module (func (drop (v128.const i64x2 0 0))))";
    assert!(error(simd).to_string().contains("WebAssembly 1.0"));
    let module = String::from_utf8_lossy(b"\0asm").into_owned();
    let error = Generator::new(module.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("WebAssembly 1.0"), "{error}");
}

#[test]
fn a_module_whose_memory_begins_too_large_is_rejected() {
    let text = wat_of_memory(20_000);
    let error = Generator::new(&wat::parse_str(text).unwrap()).unwrap_err();
    assert!(error.to_string().contains("found 1310720000 bytes"), "{error}");
}

/// A module with every export and this many pages.
fn wat_of_memory(pages: u32) -> String {
    use crate::interface::EXPORTS;
    let functions = EXPORTS.iter().map(|(name, signature)| {
        let parameters = "(param i32)".repeat(signature.parameters);
        let results = if signature.results == 1 { "(result i32) i32.const 0" } else { "" };
        format!(r#"(func (export "{name}") {parameters} {results})"#)
    });
    let functions: String = functions.collect();
    format!(r#"(module (memory (export "memory") {pages}) {functions})"#)
}
