#!/usr/bin/env bash
# Measures a GPU on a machine that has its driver and nothing else.
#
#   load-tests/gpu-bench.sh --build DIR      with cargo: puts the `zkpool` command alone into DIR
#   load-tests/gpu-bench.sh [options]        with the GPU: measures, one line of JSON each
#
#   --zkpool FILE          the command; `zkpool` beside this script or in target/release by default
#   --device DEVICE        gpu by default, gpu:N as `zkpool devices` counts them
#   --msm FROM:TO          logarithms of sizes, 16:24 by default; `none` leaves them out
#   --ntt FROM:TO          16:24 by default
#   --prove FROM:TO        16:22 by default
#   --curves "A B"         "bn254 bls12-381" by default
#   --groups "A B"         "g1 g2" by default
#   --distributions "A B"  of scalars, "random witness-like" by default
#   --runs N               of each measurement, 7 by default
#   --table-gib N          memory for the multiples of a set of bases; the command's default else.
#                          2^24 bases over BN254 take 12 for all of their windows
#   --single-thread-max L  the CPU on one thread up to this size, 20 by default
#   --seconds-max S        for each measurement, 900 by default
#   --results FILE         gpu-bench.jsonl by default, which is added to
#
# A measurement that fails is noted in the results with its error and the next one follows. The
# script fails if one has failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
zkpool="" device=gpu msm=16:24 ntt=16:24 prove=16:22
curves="bn254 bls12-381" groups="g1 g2" distributions="random witness-like"
runs=7 table_gib="" single_thread_max=20 seconds_max=900 results=gpu-bench.jsonl
failed=0

die() {
    echo "gpu-bench: $*" >&2
    exit 1
}

usage() { sed -n '2,/^set/p' "$0" | sed -n 's/^# \{0,1\}//p'; }

# Libraries that the command needs besides the Vulkan loader, which it opens itself.
build() {
    local folder=$1
    (cd "$here/.." && cargo build --release --locked --package zkpool)
    mkdir -p "$folder"
    cp "$here/../target/release/zkpool" "$folder/zkpool"
    echo "wrote $folder/zkpool, which needs:"
    ldd "$folder/zkpool" | sed 's/^/  /'
    if command -v objdump >/dev/null; then
        echo "  $(objdump -T "$folder/zkpool" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1) or later"
    fi
}

parse() {
    while [ $# -gt 0 ]; do
        [ "$1" != --help ] || { usage; exit 0; }
        [ $# -ge 2 ] || die "$1 needs a value; see --help"
        case $1 in
            --build) build "$2"; exit 0 ;;
            --zkpool) zkpool=$2 ;;
            --device) device=$2 ;;
            --msm) msm=$2 ;;
            --ntt) ntt=$2 ;;
            --prove) prove=$2 ;;
            --curves) curves=$2 ;;
            --groups) groups=$2 ;;
            --distributions) distributions=$2 ;;
            --runs) runs=$2 ;;
            --table-gib) table_gib=$2 ;;
            --single-thread-max) single_thread_max=$2 ;;
            --seconds-max) seconds_max=$2 ;;
            --results) results=$2 ;;
            *) die "unknown option $1; see --help" ;;
        esac
        shift 2
    done
}

find_zkpool() {
    local candidate
    for candidate in "$zkpool" "$here/zkpool" "$here/../target/release/zkpool"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            zkpool=$candidate
            return
        fi
        [ -z "$zkpool" ] || die "$zkpool is not there; make it with --build DIR"
    done
    die "no zkpool command was found; make one with --build DIR"
}

has_loader() {
    local folder
    if PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'; then
        return 0
    fi
    for folder in ${LD_LIBRARY_PATH//:/ } /usr/lib /usr/lib64 /usr/lib/*-linux-gnu; do
        [ ! -e "$folder/libvulkan.so.1" ] || return 0
    done
    return 1
}

check_vulkan() {
    case $device in cpu) return ;; esac
    has_loader || die "no Vulkan loader (libvulkan.so.1): install libvulkan1 or vulkan-loader"
    if "$zkpool" devices --json | grep -q '"adapters":\[\]'; then
        die "no Vulkan adapter: the driver's library and its file in vulkan/icd.d are needed, and \
in a container NVIDIA_DRIVER_CAPABILITIES must hold graphics"
    fi
}

# Logarithms from FROM to TO, or nothing.
sizes() {
    [ "$1" = none ] || seq "${1%%:*}" "${1##*:}"
}

# Runs one measurement and adds its line to the results.
measure() {
    local name=$1 status=0 output
    shift
    echo "== $name $*"
    output=$(timeout "$seconds_max" "$zkpool" bench "$name" "$@" --device "$device" --json) ||
        status=$?
    printf '{"bench":"%s","arguments":"%s","exit":%d,"result":%s}\n' \
        "$name" "$*" "$status" "${output:-null}" >>"$results"
    if [ "$status" -eq 0 ]; then
        echo "$output" | sed 's/"cpu":{[^}]*}//' | grep -oE '"(median_ms|cpu_median_ms|floor_fraction|multiplications_per_second|matches|verified)":[^,}]*' |
            tr '\n' ' '
        echo
    else
        failed=$((failed + 1))
        echo "FAILED with $status: ${output:-no answer within $seconds_max s}"
    fi
}

measure_all() {
    local curve group distribution size single what table=""
    [ -z "$table_gib" ] || table="--table-gib $table_gib"
    if [ "$device" != cpu ]; then
        measure field --arithmetic wide
        measure field --arithmetic narrow
    fi
    for curve in $curves; do
        for group in $groups; do
            for distribution in $distributions; do
                for size in $(sizes "$msm"); do
                    single=""
                    [ "$size" -le "$single_thread_max" ] || single=--no-cpu-single-thread
                    # shellcheck disable=SC2086
                    measure msm --curve "$curve" --group "$group" --log-size "$size" \
                        --distribution "$distribution" --runs "$runs" $table $single
                done
            done
        done
        for size in $(sizes "$ntt"); do
            single=""
            [ "$size" -le "$single_thread_max" ] || single=--no-cpu-single-thread
            for what in transform quotient; do
                # shellcheck disable=SC2086
                measure ntt --what "$what" --curve "$curve" --log-size "$size" --runs "$runs" \
                    $single
            done
        done
        for size in $(sizes "$prove"); do
            single=""
            [ "$size" -le "$single_thread_max" ] || single=--no-cpu-single-thread
            # shellcheck disable=SC2086
            measure prove --curve "$curve" --log-size "$size" --runs "$runs" $single
        done
    done
}

parse "$@"
find_zkpool
check_vulkan
"$zkpool" devices
printf '{"bench":"devices","result":%s}\n' "$("$zkpool" devices --json)" >>"$results"
measure_all
echo "results are in $results"
[ "$failed" -eq 0 ] || die "$failed measurements failed; see $results"
