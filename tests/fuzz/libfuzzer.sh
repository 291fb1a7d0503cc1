#!/usr/bin/env bash
# Runs a target of libFuzzer for some seconds: tests/fuzz/libfuzzer.sh TARGET [SECONDS]
#
# The instrumentation is that of cargo-fuzz without a sanitizer, which wants a nightly compiler: the
# product has no unsafe code where inputs are read, so that panics and memory are what is looked for.
# What is found is left in fuzz/artifacts, and what reaches further than the corpus in fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/fuzz"

target="$1" seconds="${2:-60}"
# The versions of the product, and libFuzzer.
cp ../../../Cargo.lock .
mkdir -p "artifacts/$target" "corpus/$target"
flags=(--cfg fuzzing -Cpasses=sancov-module)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=("-Cllvm-args=-sanitizer-coverage-$option")
done
# A platform that is named keeps build scripts and macros free of the instrumentation.
platform="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="${flags[*]}" cargo build --release --target "$platform" --bin "$target"
exec "target/$platform/release/$target" "corpus/$target" "../corpus/$target" \
    -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1
