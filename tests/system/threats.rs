//! THREATS.md names the tests that hold each threat, and they exist.
//!
//! A paragraph that begins with "Shown by" names files and, after each, tests of it, all of them
//! between backquotes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};

use zkpool_tests::workspace::root;

/// How a paragraph that names tests begins.
const SHOWN_BY: &str = "Shown by ";

/// How the heading of a threat begins.
const THREAT: &str = "### ";

/// The threats of a document, with the tests that show each as (file, name).
fn threats(document: &str) -> BTreeMap<&str, Vec<(&str, &str)>> {
    let mut threats = BTreeMap::new();
    let mut threat = None;
    for paragraph in document.split("\n\n") {
        if paragraph.starts_with('#') {
            threat = paragraph.strip_prefix(THREAT);
        }
        let Some(threat) = threat else { continue };
        let named: &mut Vec<_> = threats.entry(threat).or_default();
        named.extend(paragraph.strip_prefix(SHOWN_BY).into_iter().flat_map(tests));
    }
    threats
}

/// The tests that are named in a list, each with the file that was named last before it.
fn tests(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut file = "";
    let quoted = list.split('`').skip(1).step_by(2);
    quoted.filter_map(move |word| {
        if Path::new(word).extension().is_some() {
            file = word;
            return None;
        }
        Some((file, word))
    })
}

/// The names of the functions of a file that are tests.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let Ok(source) = fs::read_to_string(file) else { return BTreeSet::new() };
    let mut found = Tests::default();
    found.visit_file(&syn::parse_file(&source).unwrap());
    found.0
}

#[derive(Default)]
struct Tests(BTreeSet<String>);

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        // `#[test]` and `#[tokio::test]`.
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().segments.last().is_some_and(|last| last.ident == "test")
        };
        if function.attrs.iter().any(is_test) {
            self.0.insert(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }
}

#[test]
fn every_threat_is_shown_by_tests_that_exist() {
    let document = fs::read_to_string(root().join("THREATS.md")).unwrap();
    let threats = threats(&document);
    assert!(threats.len() > 1, "expected threats, found {threats:?}");
    let without: Vec<_> = threats.iter().filter(|(_, tests)| tests.is_empty()).collect();
    assert!(without.is_empty(), "no test shows {without:?}");
    let mut files = BTreeMap::new();
    for (file, test) in threats.into_values().flatten() {
        let existing = files.entry(file).or_insert_with(|| tests_in(&root().join(file)));
        assert!(existing.contains(test), "there is no test {test} in {file:?}");
    }
}

#[test]
fn a_threat_has_the_tests_that_its_paragraph_names() {
    let document = "# A\n\n`no/test.rs`\n\n### One\n\nIt is `held`.\n\nShown by `a.rs`: `x`,\n`y`; \
                    `b/c.rs`: `z`.\n\n### Two\n\nBy nothing.\n\n## End\n\n`other.rs`\n";
    let one = vec![("a.rs", "x"), ("a.rs", "y"), ("b/c.rs", "z")];
    assert_eq!(threats(document), BTreeMap::from([("One", one), ("Two", Vec::new())]));
}

#[test]
fn functions_that_are_no_tests_do_not_count() {
    let own = tests_in(&root().join("tests/system/threats.rs"));
    assert!(own.contains("functions_that_are_no_tests_do_not_count"));
    assert!(!own.contains("tests_in") && !own.contains("threats"));
    assert!(tests_in(&root().join("tests/system/nothing.rs")).is_empty());
}
