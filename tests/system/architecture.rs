//! The shape of the code: who may depend on whom, and how long functions and files may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use zkpool_tests::workspace::root;

/// What each crate may depend on. An edge that is not here is an architecture change: it belongs
/// in ARCHITECTURE.md first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("zkpool-types", &[]),
    ("zkpool-circuit-files", &["zkpool-types"]),
    ("zkpool-snark", &["zkpool-types", "zkpool-circuit-files"]),
    ("zkpool-ports", &["zkpool-types"]),
    ("zkpool-ledger", &["zkpool-types"]),
    ("zkpool-jobs", &["zkpool-types", "zkpool-ports", "zkpool-ledger"]),
    ("zkpool-billing", &["zkpool-types", "zkpool-ports", "zkpool-ledger", "zkpool-jobs"]),
    ("zkpool-webhooks", &["zkpool-types", "zkpool-ports", "zkpool-jobs"]),
    ("zkpool-witness", &["zkpool-types", "zkpool-circuit-files", "zkpool-ports"]),
    ("zkpool-aws", &["zkpool-types", "zkpool-ports"]),
    (
        "zkpool-functions",
        &[
            "zkpool-types",
            "zkpool-ports",
            "zkpool-ledger",
            "zkpool-jobs",
            "zkpool-billing",
            "zkpool-webhooks",
            "zkpool-circuit-files",
            "zkpool-snark",
            "zkpool-witness",
        ],
    ),
    (
        "zkpool-lambda",
        &[
            "zkpool-aws",
            "zkpool-functions",
            "zkpool-webhooks",
            "zkpool-jobs",
            "zkpool-billing",
            "zkpool-ledger",
            "zkpool-ports",
            "zkpool-types",
        ],
    ),
    ("zkpool-metrics", &["zkpool-types", "zkpool-ports", "zkpool-jobs", "zkpool-aws"]),
    ("zkpool-replay", &["zkpool-ports", "zkpool-metrics"]),
    (
        "zkpool-load",
        &[
            "zkpool-types",
            "zkpool-ports",
            "zkpool-ledger",
            "zkpool-jobs",
            "zkpool-functions",
            "zkpool-circuit-files",
            "zkpool-snark",
            "zkpool-worker",
            "zkpool-sdk",
            "zkpool-replay",
        ],
    ),
    ("zkpool-gpu", &["zkpool-types", "zkpool-circuit-files", "zkpool-snark"]),
    ("zkpool-heap", &[]),
    ("zkpool-bench", &["zkpool-types", "zkpool-circuit-files", "zkpool-snark", "zkpool-gpu"]),
    ("zkpool-sdk", &["zkpool-types", "zkpool-ledger", "zkpool-circuit-files", "zkpool-snark"]),
    (
        "zkpool-worker",
        &[
            "zkpool-types",
            "zkpool-ports",
            "zkpool-ledger",
            "zkpool-jobs",
            "zkpool-circuit-files",
            "zkpool-snark",
            "zkpool-gpu",
            "zkpool-witness",
        ],
    ),
];

/// Outside dependencies that only the named crates may use.
const CONFINED: &[(&str, &[&str])] = &[
    ("rusqlite", &["zkpool-ports"]),
    ("axum", &["zkpool-functions", "zkpool-lambda", "zkpool-simulation", "zkpool-fuzz"]),
    ("askama", &["zkpool-functions"]),
    ("lambda_http", &["zkpool-lambda", "zkpool-metrics"]),
    ("clap", &["zkpool", "zkpool-load"]),
    ("ureq", &["zkpool-worker", "zkpool-tests"]),
    ("reqwest", &["zkpool-sdk", "zkpool-webhooks"]),
    ("ark-ec", &["zkpool-circuit-files", "zkpool-snark", "zkpool-gpu", "zkpool-bench"]),
    ("ark-ff", &["zkpool-circuit-files", "zkpool-snark", "zkpool-gpu", "zkpool-bench"]),
    ("ark-poly", &["zkpool-bench"]),
    ("memmap2", &["zkpool-circuit-files"]),
    ("parquet", &["zkpool-billing"]),
    ("utoipa", &["zkpool-types", "zkpool-billing", "zkpool-functions"]),
    ("wasmi", &["zkpool-witness"]),
    ("wasmparser", &["zkpool-witness"]),
    ("wgpu", &["zkpool-gpu"]),
];

/// Command line and tests stand above everything and may use every crate.
const TOP: &[&str] = &["zkpool", "zkpool-tests", "zkpool-simulation", "zkpool-fuzz"];

/// Crates that unpack what is compressed. With none of them, a few bytes cannot become many.
const UNPACKERS: &[&str] = &[
    "async-compression",
    "brotli",
    "brotli-decompressor",
    "bzip2",
    "flate2",
    "libflate",
    "lz4_flex",
    "lzma-rs",
    "miniz_oxide",
    "ruzstd",
    "snap",
    "xz2",
    "zip",
    "zlib-rs",
    "zstd",
    "zune-inflate",
];

/// The crates that can switch on planted faults, in builds of their own.
const PLANTERS: &[&str] = &["zkpool-types", "zkpool-tests", "zkpool-simulation"];

const FUNCTION_LINES_P50_MAX: usize = 6;
const FUNCTION_LINES_P90_MAX: usize = 25;
const FUNCTION_LINES_P99_MAX: usize = 60;
const FILE_LINES_P90_MAX: usize = 500;
const FILE_LINES_MAX: usize = 800;

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for (name, dependencies) in crates() {
        if TOP.contains(&name.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(name.as_str()) else {
            panic!("{name} has no row in the table of allowed dependencies");
        };
        let forbidden: Vec<_> = dependencies
            .iter()
            .filter(|dependency| dependency.starts_with("zkpool"))
            .filter(|dependency| !allowed.contains(&dependency.as_str()))
            .collect();
        assert!(forbidden.is_empty(), "{name} must not depend on {forbidden:?}");
    }
}

#[test]
fn heavy_dependencies_stay_where_they_belong() {
    for (name, dependencies) in crates() {
        for (confined, homes) in CONFINED {
            assert!(
                !dependencies.contains(*confined) || homes.contains(&name.as_str()),
                "{name} uses {confined}, which belongs to {homes:?}"
            );
        }
        let aws = dependencies.iter().find(|dependency| dependency.starts_with("aws-sdk-"));
        assert!(aws.is_none() || name == "zkpool-aws", "{name} uses {aws:?}");
    }
}

#[test]
fn nothing_unpacks_what_is_compressed() {
    let lock = parse_toml(&root().join("Cargo.lock"));
    let packages = lock["package"].as_array().unwrap();
    let names = packages.iter().map(|package| package["name"].as_str().unwrap());
    let found: Vec<_> = names.filter(|name| UNPACKERS.contains(name)).collect();
    assert!(found.is_empty(), "{found:?} unpacks: bound what comes out of it, or do without");
}

#[test]
fn planted_faults_are_switched_on_by_tests_alone_and_by_nothing_unasked() {
    for folder in members() {
        let text = fs::read_to_string(root().join(&folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap();
        if !PLANTERS.contains(&name) {
            assert!(!text.contains("defects"), "{name} names the feature of planted faults");
        }
        let features = manifest.get("features").and_then(toml::Value::as_table);
        let default = features.and_then(|features| features.get("default"));
        let is_planter = PLANTERS.contains(&name);
        assert!(default.is_none() || !is_planter, "{name} may plant faults unasked");
        let dependencies = format!("{:?}", manifest["dependencies"]);
        assert!(!dependencies.contains("defects"), "{name} always plants faults");
    }
}

#[test]
fn functions_stay_short() {
    let mut lengths = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut functions = Functions::default();
        functions.visit_file(&file);
        lengths
            .extend(functions.found.into_iter().map(|(name, lines)| (lines, name, path.clone())));
    }
    lengths.sort();
    let longest: Vec<_> = lengths
        .iter()
        .rev()
        .take(10)
        .map(|(lines, name, path)| format!("{lines} {name} in {}", path.display()))
        .collect();
    let quantile = |percent: usize| lengths[(lengths.len() - 1) * percent / 100].0;
    let (p50, p90, p99) = (quantile(50), quantile(90), quantile(99));
    let report = format!(
        "function lines p50 {p50}, p90 {p90}, p99 {p99} of {}\n{}",
        lengths.len(),
        longest.join("\n")
    );
    assert!(p50 <= FUNCTION_LINES_P50_MAX, "{report}");
    assert!(p90 <= FUNCTION_LINES_P90_MAX, "{report}");
    assert!(p99 <= FUNCTION_LINES_P99_MAX, "{report}");
}

#[test]
fn files_stay_short() {
    let mut lengths: Vec<_> = sources()
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .collect();
    lengths.sort();
    let (longest, path) = lengths.last().unwrap();
    assert!(*longest <= FILE_LINES_MAX, "{path:?} has {longest} lines");
    let p90 = lengths[(lengths.len() - 1) * 90 / 100].0;
    assert!(p90 <= FILE_LINES_P90_MAX, "the 90th percentile of file lengths is {p90}");
}

#[test]
fn every_crate_is_on_the_code_map() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for folder in members() {
        assert!(map.contains(&format!("`{folder}`")), "ARCHITECTURE.md does not name {folder}");
    }
}

/// Lengths of the functions of a file in lines, from brace to brace, tests left out.
#[derive(Default)]
struct Functions {
    found: Vec<(String, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let braces = block.brace_token.span;
        let lines = braces.close().end().line - braces.open().start().line + 1;
        self.found.push((signature.ident.to_string(), lines));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !is_test(&function.attrs) {
            self.add(&function.sig, &function.block);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            self.add(&function.sig, &function.block);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Whether the item is compiled for tests only.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .meta
                    .require_list()
                    .is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

/// Folders of the workspace's members.
fn members() -> Vec<String> {
    let manifest = parse_toml(&root().join("Cargo.toml"));
    manifest["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap().to_owned())
        .collect()
}

/// Every crate with the names of what it depends on, tests' own dependencies left out.
fn crates() -> Vec<(String, BTreeSet<String>)> {
    members()
        .iter()
        .map(|folder| {
            let manifest = parse_toml(&root().join(folder).join("Cargo.toml"));
            let name = manifest["package"]["name"].as_str().unwrap().to_owned();
            let dependencies = manifest["dependencies"].as_table().unwrap().keys().cloned();
            (name, dependencies.collect())
        })
        .collect()
}

fn parse_toml(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Source files of every crate but this one: tests may be long-winded.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in members().iter().filter(|folder| folder.as_str() != "tests") {
        collect_sources(&root().join(folder).join("src"), &mut files);
    }
    files
}

fn collect_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // A file of its own for tests is a test.
            if path.file_stem().is_none_or(|stem| stem != "tests") {
                files.push(path);
            }
        }
    }
}
