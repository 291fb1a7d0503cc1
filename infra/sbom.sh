#!/usr/bin/env bash
# Writes the bill of materials of every program that is deployed, target/sbom/TARGET/NAME.cdx.json: of
# the command, which is the prover, and of each function. CycloneDX 1.5.
#
#     infra/sbom.sh [TARGET]
#
# TARGET is a platform of Rust, such as aarch64-unknown-linux-gnu; without it, that of this machine.
# A bill names everything that the sources of a program may use there: a package that another
# program of the same build switched a feature on for is in it too.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_CYCLONEDX_VERSION=0.5.9
target="${1:-$(rustc -vV | sed -n 's/^host: //p')}"
tools="$PWD/target/tools" sbom="$PWD/target/sbom/$target"

if [ "$("$tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null)" != \
    "cargo-cyclonedx-cyclonedx $CARGO_CYCLONEDX_VERSION" ]; then
    cargo install cargo-cyclonedx --version "$CARGO_CYCLONEDX_VERSION" --locked \
        --root "$tools" --target-dir "$tools/build"
fi

# It writes beside each package, also those that are not deployed.
beside_packages() { find . -path ./target -prune -o -name '*_bin.cdx.json' "$@"; }
trap 'beside_packages -exec rm {} +' EXIT
"$tools/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 \
    --describe binaries --no-build-deps --features aws --target "$target"
rm -rf "$sbom"
mkdir -p "$sbom"
for bill in cli/zkpool_bin.cdx.json functions/*/*_bin.cdx.json; do
    mv "$bill" "$sbom/$(basename "$bill" _bin.cdx.json).cdx.json"
done
