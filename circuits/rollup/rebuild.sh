#!/usr/bin/env bash
# Rebuilds the circuit, eight batches of inputs and their witnesses.
#
#   ./rebuild.sh [--batch N] [--depth D] [--out DIR]
#
# With no arguments it writes the committed files of artifacts/ again, byte for
# byte. Any other size goes to build/ unless --out names a folder.
set -euo pipefail

batch=1
depth=6
out=
while [ $# -gt 0 ]; do
    case $1 in
        --batch) batch=$2 ;;
        --depth) depth=$2 ;;
        --out) mkdir -p "$2" && out=$(cd "$2" && pwd) ;;
        *) echo "usage: $0 [--batch N] [--depth D] [--out DIR]" >&2; exit 2 ;;
    esac
    shift 2
done

cd "$(dirname "$0")"
if [ -z "$out" ]; then
    if [ "$batch $depth" = "1 6" ]; then out=artifacts; else out=build/${batch}x${depth}; fi
fi
mkdir -p "$out/batches" build
name=rollup_$batch

# Install scripts only build native code that the tools also have in JavaScript.
npm ci --ignore-scripts --no-audit --no-fund
bin=node_modules/.bin

# Every size has the main component of rollup_1.circom with other parameters.
# The compiler runs in WebAssembly and finds includes below the current folder
# only, so its input and output are in build/.
sed "s/Rollup(6, 1)/Rollup($depth, $batch)/" rollup_1.circom > "build/$name.circom"
# --O2 halves wires and constraints against --O1, which is what proving pays for.
# The older heuristics reach the same counts with fewer non-zero coefficients.
"$bin/circom2" "build/$name.circom" --O2 --use_old_simplification_heuristics \
    --r1cs --wasm -o build -l node_modules -l .
cp "build/$name.r1cs" "build/${name}_js/$name.wasm" "$out"

node generate-batches.mjs --batch "$batch" --depth "$depth" --count 8 --out "$out/batches"
for inputs in "$out"/batches/*.json; do
    witness=${inputs%.json}.wtns
    "$bin/snarkjs" wtns calculate "$out/$name.wasm" "$inputs" "$witness"
    "$bin/snarkjs" wtns check "$out/$name.r1cs" "$witness"
done
