//! What is kept and some mutants of it keep every law. The heap is that of the whole process, so
//! that these tests take turns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zkpool_fuzz::{
    Campaign, Corpus, End, Format, Held, Meter, Target, Trial, Verdict, target, targets,
};

/// Mutants of each target; `mutate` tries many more.
const MUTANTS: u64 = 1_000;

/// The longest body of a request, in bytes.
const BODY_BYTES: usize = zkpool_types::limits::INLINE_BODY_BYTES_MAX;

/// Whose turn it is.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trial(read: fn(&[u8], &mut Meter) -> Held) -> Trial {
    Target { name: "test", format: Format::Text, read }.try_on(b"input")
}

#[test]
fn heap_beyond_the_bound_is_a_breach() {
    let _turn = turn();
    let modest = trial(|_, meter| {
        meter.measure(|| drop(black_box(vec![0u8; 1 << 19])));
        Ok(Verdict::Accepted)
    });
    assert_eq!(modest.end, End::Held(Verdict::Accepted));
    assert!(modest.heap_ratio() > 0.4);
    let greedy = trial(|_, meter| {
        meter.measure(|| drop(black_box(vec![0u8; 1 << 21])));
        Ok(Verdict::Refused)
    });
    assert!(greedy.breach().unwrap().contains("heap"));
}

#[test]
fn every_kept_input_keeps_the_laws() {
    let _turn = turn();
    for target in targets() {
        let corpus = Corpus::of(target).unwrap();
        // What is made once in a process is no heap of the first input.
        corpus.inputs.iter().for_each(|(_, input)| drop(target.try_on(input)));
        for (name, input) in &corpus.inputs {
            let breach = target.try_on(input).breach();
            assert_eq!(breach, None, "{}/{name}", target.name);
        }
    }
}

#[test]
fn mutants_keep_the_laws() {
    let _turn = turn();
    for target in targets() {
        let row = Campaign::of(target).unwrap().run(0..MUTANTS);
        assert!(row.is_sound(), "{}: {:?}", target.name, row.breaches);
        assert!(row.refused > 0, "{}: no mutant was refused", target.name);
    }
}

/// JSON of small parts is larger in memory than in text. Here is the most that a body of the largest
/// length comes to, by what it is made of: target, beginning, part, end, and megabytes.
const HOSTILE: &[(&str, &str, &str, &str, usize)] = &[
    ("inputs", r#"{"a":["#, "0,", "0]}", 64),
    ("inputs", r#"{"a":["#, "[],", "0]}", 64),
    ("inputs", r#"{"p":["#, "{},", "{}]}", 64),
    ("inputs", r#"{"p":["#, r#"{"x":1},"#, "{}]}", 64),
    ("inputs", r#"{"p":{"#, r#""":0,"#, r#""":0}}"#, 64),
    ("inputs", "", r#"{"a":"#, "", 1),
    ("put_budgets", r#"{"budgets":["#, r#"{"scope":"*","limit_nano_usd":1},"#, "{}]}", 64),
    ("create_key", r#"{"scopes":["#, r#""read","#, r#""read"]}"#, 16),
];

#[test]
fn large_hostile_inputs_stay_within_bounded_heap() {
    let _turn = turn();
    for (name, start, part, end, megabytes_max) in HOSTILE {
        let parts = part.repeat((BODY_BYTES - start.len() - end.len()) / part.len());
        let input = [start, parts.as_str(), end].concat();
        let found = target(name).unwrap().try_on(input.as_bytes()).heap_bytes;
        println!("{name} {start}{part}: {found}");
        assert!(found <= megabytes_max << 20, "{name} {start}{part}…: {found} bytes");
    }
}

#[test]
fn a_body_of_many_tags_stays_within_bounded_heap() {
    let _turn = turn();
    let tags: String = (0..BODY_BYTES / 12).map(|tag| format!(r#""{tag}":"","#)).collect();
    let input = format!(r#"{{"circuit":"a","tags":{{{tags}"a":""}}}}"#);
    assert!(input.len() <= BODY_BYTES);
    let found = target("submit_proof").unwrap().try_on(input.as_bytes()).heap_bytes;
    assert!(found <= 96 << 20, "{found} bytes");
}

#[test]
fn names_that_buses_repeat_stay_within_bounded_heap() {
    let _turn = turn();
    let (prefix, parts) = ("n".repeat(BODY_BYTES / 2), r#","":0"#.repeat(BODY_BYTES / 10));
    let input = format!(r#"{{"{prefix}":{{"":0{parts}}}}}"#);
    let found = target("inputs").unwrap().try_on(input.as_bytes()).heap_bytes;
    assert!(found <= 64 << 20, "{found} bytes");
}
