#!/usr/bin/env python3
"""Whole-process Groth16 proving time beside peers, on one key and one witness.

    load-tests/cpu-bench.py --key K.zkey --witness W.wtns \
        --peer rapidsnark=/path/to/prover --peer snarkjs='node /path/to/snarkjs groth16 prove'

Each command is called with KEY WITNESS PROOF PUBLIC behind it, the argument order that these
tools share. Provers alternate within one run, so that a slow minute of the machine meets all of
them; the first round warms the page cache and is not counted. Every proof is verified. Prints the
median of wall time, its ratio to ours, and the largest peak memory, as a table or with --json.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

OURS = "zkpool"
KIB = 1024


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zkpool", default="target/release/zkpool", help="our command")
    parser.add_argument("--key", required=True)
    parser.add_argument("--witness", required=True)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(command):
    """Runs a command; returns seconds of wall time and peak resident bytes."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{errors.decode(errors='replace')}")
    return seconds, usage.ru_maxrss * KIB


def prove(command, options, folder):
    files = [os.path.join(folder, name) for name in ("proof.json", "public.json")]
    result = measure([*command, options.key, options.witness, *files])
    verify = [options.zkpool, "groth16", "verify", os.path.join(folder, "vk.json"), files[1], files[0]]
    subprocess.run(verify, check=True, stdout=subprocess.DEVNULL)
    return result


def main():
    options = arguments()
    provers = {OURS: [options.zkpool, "groth16", "prove"]}
    for peer in options.peer:
        name, _, command = peer.partition("=")
        provers[name] = shlex.split(command)
    results = {name: [] for name in provers}
    with tempfile.TemporaryDirectory() as folder:
        export = [options.zkpool, "groth16", "export-verification-key", options.key]
        subprocess.run([*export, os.path.join(folder, "vk.json")], check=True, stdout=subprocess.DEVNULL)
        for round_number in range(options.runs + 1):
            for name, command in provers.items():
                result = prove(command, options, folder)
                if round_number > 0:
                    results[name].append(result)
    report(results, options.json)


def report(results, as_json):
    rows = [
        {
            "prover": name,
            "median_ms": round(statistics.median(seconds for seconds, _ in runs) * 1000),
            "peak_mib": round(max(peak for _, peak in runs) / KIB / KIB),
        }
        for name, runs in results.items()
    ]
    ours = rows[0]["median_ms"]
    for row in rows:
        row["times_ours"] = round(row["median_ms"] / ours, 2)
    if as_json:
        print(json.dumps(rows))
        return
    print(f"{'prover':<14}{'median ms':>10}{'x ours':>8}{'peak MiB':>10}")
    for row in rows:
        print(f"{row['prover']:<14}{row['median_ms']:>10}{row['times_ours']:>8}{row['peak_mib']:>10}")


if __name__ == "__main__":
    main()
