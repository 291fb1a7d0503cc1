#!/usr/bin/env bash
# Builds the functions' archives, target/lambda/NAME.zip, writes the bills of materials, and prints the
# release: a digest of all.
#
#     infra/build.sh [arm64|x86_64]
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/environment.sh

FUNCTIONS=(circuits dashboard metrics pricing reports rollup status submit sweep webhooks)

case "${1:-arm64}" in
    arm64) target=(--arm64) platform=aarch64-unknown-linux-gnu ;;
    x86_64) target=(--x86-64) platform=x86_64-unknown-linux-gnu ;;
    *) echo "expected arm64 or x86_64, found $1" >&2; exit 2 ;;
esac
environment build
export PATH="$TOOLS/build/bin:$PATH"
bins=()
for name in "${FUNCTIONS[@]}"; do bins+=(--bin "$name"); done
cargo lambda build --profile function --locked "${target[@]}" --package zkpool-lambda \
    --package zkpool-metrics "${bins[@]}" >&2

infra/sbom.sh "$platform" >&2

archives=()
for name in "${FUNCTIONS[@]}"; do
    python3 infra/archive.py "target/lambda/$name/bootstrap" "target/lambda/$name.zip"
    archives+=("target/lambda/$name.zip")
done
sha256sum "${archives[@]}" | sha256sum | cut -c1-16
