#!/usr/bin/env bash
# Measures Groth16 on the CPU beside peers that are on this machine already.
#
#   load-tests/cpu-bench.sh [options]                          two circuits in three sizes
#   load-tests/cpu-bench.sh --key KEY --witness WITNESS [...]  one key and one witness
#
#   --peer NAME=COMMAND       a prover that is called with KEY WITNESS PROOF PUBLIC behind it, the
#                             argument order that rapidsnark, snarkjs and we share; repeatable
#   --warm-peer NAME=COMMAND  a prover that is called with KIND LOG2 KEY WITNESS R1CS behind it and
#                             prints on its last line the milliseconds of one proof with its key in
#                             memory; KIND is dense or bits; repeatable, and not with --key
#   --zkpool FILE             our command, target/release/zkpool by default
#   --runs N                  measured rounds after one that is not counted, 7 by default
#   --kinds "A B"             "dense bits" by default: a chain of Poseidon hashes, rounds of SHA-256
#   --sizes "A B"             logarithms of domains, of 12, 16 and 18, which is the default
#   --cache DIR               where circuits, keys and witnesses are kept, target/cpu-bench by default
#   --json                    one line of JSON instead of tables
#
# Whole processes are timed from start to exit, and every proof of theirs is verified. Ours is also
# measured warm: a server on a port of the loopback address gets the key once and then proof after
# proof over HTTP, and what it metered for each is read from the receipt. Provers alternate within
# each round, so that a slow minute of the machine meets all of them; medians and their ratios to
# ours are printed, and the largest peak memory, which is never below this script's own 15 MiB.
#
# Circuits are compiled by the circom compiler of circuits/rollup/package.json, and have just under
# the constraints that their domain takes; keys are for development.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
zkpool="$here/../target/release/zkpool" cache="$here/../target/cpu-bench"
key="" witness="" kinds="dense bits" sizes="12 16 18"
measure=()

die() {
    echo "cpu-bench: $*" >&2
    exit 1
}

usage() { sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p'; }

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --help) usage; exit 0 ;;
            --json) measure+=("$1"); shift; continue ;;
        esac
        [ $# -ge 2 ] || die "$1 needs a value; see --help"
        case $1 in
            --key) key=$2 ;;
            --witness) witness=$2 ;;
            --zkpool) zkpool=$2 ;;
            --kinds) kinds=$2 ;;
            --sizes) sizes=$2 ;;
            --cache) cache=$2 ;;
            --peer | --warm-peer | --runs) measure+=("$1" "$2") ;;
            *) die "unknown option $1; see --help" ;;
        esac
        shift 2
    done
    [ -x "$zkpool" ] || die "$zkpool is not there; build it with cargo build --release"
}

# The main component that fills a domain but for the constant and the one public value: hashes and
# squares of load-tests/circuits/dense.circom, rounds and exclusive ors of bits.circom.
component() {
    case $1-$2 in
        dense-12) echo 'Dense(17, 65)' ;;
        dense-16) echo 'Dense(276, 122)' ;;
        dense-18) echo 'Dense(1106, 20)' ;;
        bits-12) echo 'Bits(10, 354)' ;;
        bits-16) echo 'Bits(133, 327)' ;;
        bits-18) echo 'Bits(521, 219)' ;;
        *) die "no circuit of kind $1 fills 2^$2; kinds are dense and bits, sizes 12, 16 and 18" ;;
    esac
}

input() {
    case $1 in
        dense) echo '{"in": "3"}' ;;
        bits) node -p 'JSON.stringify({ in: Array.from({ length: 512 }, (_, i) => `${(i * i) % 3 % 2}`) })' ;;
    esac
}

# Compiles a circuit in a folder of its own: the compiler runs in WebAssembly and finds includes
# below the current folder only.
compile() (
    local kind=$1 log2=$2 folder=$3 tools=$here/../circuits/rollup
    [ -d "$tools/node_modules/circomlib" ] ||
        (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund)
    cp "$here/circuits/$kind.circom" "$folder"
    cp -r "$tools/node_modules/circomlib" "$folder"
    cd "$folder"
    printf 'pragma circom 2.1.6;\ninclude "%s.circom";\ncomponent main = %s;\n' \
        "$kind" "$(component "$kind" "$log2")" >main.circom
    "$tools/node_modules/.bin/circom2" main.circom --O2 --use_old_simplification_heuristics \
        --r1cs --wasm -o . -l .
    input "$kind" >input.json
    "$tools/node_modules/.bin/snarkjs" wtns calculate main_js/main.wasm input.json main.wtns
)

# Puts key, witness and constraints into the cache, each under its name only when it is whole.
prepare() (
    local kind=$1 log2=$2 name=$cache/$1-$2
    component "$kind" "$log2" >/dev/null
    if [ "$name.zkey" -nt "$here/circuits/$kind.circom" ] && [ "$name.zkey" -nt "$0" ]; then
        return
    fi
    echo "cpu-bench: making the $kind circuit of 2^$log2 and its key" >&2
    mkdir -p "$cache"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    compile "$kind" "$log2" "$work" >"$work/log" || { cat "$work/log" >&2; return 1; }
    "$zkpool" groth16 setup --development "$work/main.r1cs" "$work/main.zkey" >>"$work/log"
    for extension in r1cs wtns zkey; do
        mv "$work/main.$extension" "$name.part" && mv "$name.part" "$name.$extension"
    done
)

parse "$@"
if [ -n "$key$witness" ]; then
    [ -n "$key" ] && [ -n "$witness" ] || die "--key and --witness go together"
    measure+=(--pair "$key" "$witness")
else
    for kind in $kinds; do
        for log2 in $sizes; do
            prepare "$kind" "$log2"
            measure+=(--circuit "$kind" "$log2")
        done
    done
fi
exec python3 "$here/cpu_bench.py" --zkpool "$zkpool" --cache "$cache" "${measure[@]}"
