"""Measures Groth16 provers for cpu-bench.sh, which documents what is measured and how."""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, Optional

OURS = "zkpool"
KIB = 1024
# An idle server stops in milliseconds.
STOP_SECONDS = 10


class Failure(Exception):
    """Why there is no measurement, for people."""


class Case(NamedTuple):
    """A key and a witness, and what a warm peer is told of them."""

    name: str
    key: Path
    witness: Path
    told: list


class Run(NamedTuple):
    """One proof: its time, and where it is known the peak memory and the time of verifying it."""

    ms: float
    peak_bytes: Optional[int] = None
    verify_ms: Optional[float] = None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zkpool", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pair", nargs=2, type=Path, metavar=("KEY", "WITNESS"))
    parser.add_argument("--circuit", nargs=2, action="append", default=[], metavar=("KIND", "LOG2"))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", type=peer)
    parser.add_argument("--warm-peer", action="append", default=[], metavar="NAME=COMMAND", type=peer)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("expected --runs of at least 1")
    if options.pair and options.warm_peer:
        parser.error("a warm peer is told one of the two circuits; leave out --key or the peer")
    return options


def peer(text):
    name, separator, command = text.partition("=")
    words = shlex.split(command)
    if not (name and separator and words) or name == OURS:
        raise argparse.ArgumentTypeError(f"expected NAME=COMMAND with a name of its own, found {text!r}")
    return name, words


def cases(options):
    if options.pair:
        key, witness = options.pair
        return [Case(key.name, key, witness, [])]
    return [circuit(options.cache, kind, log2) for kind, log2 in options.circuit]


def circuit(cache, kind, log2):
    key, witness, r1cs = (cache / f"{kind}-{log2}.{end}" for end in ("zkey", "wtns", "r1cs"))
    return Case(f"{kind} 2^{log2}", key, witness, [kind, log2, key, witness, r1cs])


def measure(name, command):
    """Runs a command; returns its output, its wall time and its peak resident memory."""
    start = time.monotonic()
    # Errors go to a file: a command that filled a pipe nobody reads would never end.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        except OSError as error:
            raise Failure(f"{name} cannot be started: {error}") from error
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        took = Run((time.monotonic() - start) * 1000, usage.ru_maxrss * KIB)
        if process.returncode != 0:
            errors.seek(0)
            text = errors.read().decode(errors="replace")
            raise Failure(f"{name} ended with {process.returncode}: {shlex.join(map(str, command))}\n{text}")
    return output.decode(errors="replace"), took


class Process:
    """A prover that is started for every proof."""

    warm = False

    def __init__(self, name, command, zkpool, folder):
        self.name, self.command, self.zkpool = name, command, zkpool
        self.proof, self.public, self.vk = (folder / f for f in ("proof.json", "public.json", "vk.json"))

    def prepare(self, case):
        measure(OURS, [self.zkpool, "groth16", "export-verification-key", case.key, self.vk])

    def prove(self, case):
        # A proof that a prover left behind is never taken for that of the next one.
        for file in (self.proof, self.public):
            file.unlink(missing_ok=True)
        _, run = measure(self.name, [*self.command, case.key, case.witness, self.proof, self.public])
        try:
            measure("verify", [self.zkpool, "groth16", "verify", self.vk, self.public, self.proof])
        except Failure as failure:
            raise Failure(f"the proof of {self.name} does not verify: {failure}") from failure
        return run


class Server:
    """Our server, which keeps the key; the time is what it metered."""

    name, warm = OURS, True

    def __init__(self, zkpool, folder):
        self.zkpool, self.folder, self.data = zkpool, folder, folder / "data"
        listen = ["serve", "--data", self.data, "--listen", "127.0.0.1:0", "--device", "cpu"]
        self.process = subprocess.Popen([zkpool, "--json", *listen], stdout=subprocess.PIPE)

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure("our server ended before it listened")
        project = ["--data", self.data, "--project", "bench", "--scopes", "submit,read"]
        key = self.ask(["keys", "create", *project])["key"]
        os.environ.update(ZKPOOL_SERVER=json.loads(line)["listening"], ZKPOOL_API_KEY=key)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, command):
        output, _ = measure(OURS, [self.zkpool, "--json", *command])
        return json.loads(output)

    def prepare(self, case):
        add = ["circuits", "add", "measured", case.key, "--allow-development-key"]
        view = self.ask(add)
        self.circuit, found = view["id"], view["domain_size"]
        if case.told and found != 1 << int(case.told[1]):
            raise Failure(f"expected the circuit {case.name}, found a domain of {found}")

    def prove(self, case):
        files = ["--proof", self.folder / "warm.json", "--public", self.folder / "warm-public.json"]
        usage = self.ask(["prove", self.circuit, case.witness, *files])["receipt"]["usage"]
        proving = sum(usage[stage] for stage in ("witness_us", "ntt_us", "msm_us"))
        return Run(proving / 1000, None, usage["verify_us"] / 1000)


class WarmPeer:
    """A peer that is started for every proof and tells itself how long one took."""

    warm = True

    def __init__(self, name, command):
        self.name, self.command = name, command

    def prepare(self, case):
        pass

    def prove(self, case):
        output, run = measure(self.name, [*self.command, *case.told])
        lines = output.split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        try:
            ms = float(last)
        except ValueError:
            ms = 0.0
        if not 0 < ms < float("inf"):
            raise Failure(f"expected milliseconds on the last line of {self.name}, found {last!r}")
        return Run(ms, run.peak_bytes)


def rounds(case, provers, runs):
    """All provers in turn, round after round; the first round warms caches and is not counted."""
    for prover in provers:
        prover.prepare(case)
    results = [[] for _ in provers]
    for number in range(runs + 1):
        for prover, result in zip(provers, results):
            run = prover.prove(case)
            if number > 0:
                result.append(run)
    return results


def rows(provers, results, warm):
    """Medians of the warm provers or of the others; the first of them is ours."""
    chosen = [(prover.name, runs) for prover, runs in zip(provers, results) if prover.warm == warm]
    ours = statistics.median(run.ms for run in chosen[0][1])
    return [row(name, runs, ours) for name, runs in chosen]


def row(name, runs, ours):
    median = statistics.median(run.ms for run in runs)
    found = {
        "prover": name,
        "median_ms": round(median, 1),
        "min_ms": round(min(run.ms for run in runs), 1),
        "max_ms": round(max(run.ms for run in runs), 1),
        "times_ours": round(median / ours, 3),
    }
    if runs[0].peak_bytes is not None:
        found["peak_mib"] = round(max(run.peak_bytes for run in runs) / KIB / KIB)
    if runs[0].verify_ms is not None:
        found["verify_ms"] = round(statistics.median(run.verify_ms for run in runs), 1)
    return found


def table(title, found):
    lines = [f"{title:<22}{'median ms':>10}{'min':>10}{'max':>10}{'x ours':>8}{'peak MiB':>10}"]
    for row in found:
        times = "".join(f"{row[name]:>10}" for name in ("median_ms", "min_ms", "max_ms"))
        lines.append(f"  {row['prover']:<20}{times}{row['times_ours']:>8}{row.get('peak_mib', ''):>10}")
    return "\n".join(lines)


def measure_all(options):
    report = []
    with tempfile.TemporaryDirectory() as name, Server(options.zkpool, Path(name)) as server:
        ours = (OURS, [options.zkpool, "groth16", "prove", "--device", "cpu"])
        processes = [Process(*named, options.zkpool, Path(name)) for named in [ours, *options.peer]]
        provers = [*processes, server, *(WarmPeer(*named) for named in options.warm_peer)]
        for case in cases(options):
            results = rounds(case, provers, options.runs)
            found = {kind: rows(provers, results, kind == "warm") for kind in ("process", "warm")}
            report.append({"circuit": case.name, **found})
            if not options.json:
                print(f"{case.name}\n{table('whole process', found['process'])}")
                print(table("key in memory", found["warm"]), flush=True)
    if options.json:
        print(json.dumps(report))


def main():
    try:
        measure_all(arguments())
    except Failure as failure:
        sys.exit(f"cpu-bench: {failure}")


if __name__ == "__main__":
    main()
