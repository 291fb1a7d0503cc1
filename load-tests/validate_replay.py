"""Runs a trace for real and plays it through the model.

    cargo build --release -p zkpool -p zkpool-load
    python3 load-tests/validate_replay.py [--seconds 45] [--load 0.7] [--rows 16384] [--seed 1]

A server with one CPU prover proves a chain of squares. The run submits proofs at random times,
whatever becomes of those before (open loop). The model gets when each was accepted, how long the
device was at it by its receipt, what passes between two proofs of a backlog (measured before the
run), and one prover; what it makes of these is compared with what
happened: the latency from acceptance to the end, and the share of the time in which the prover was
at work. How long a proof takes is no result of the model, and differs on a machine that others use.
"""

import argparse
import base64
import concurrent.futures
import datetime
import json
import pathlib
import random
import statistics
import struct
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
BINARIES = HERE.parent / "target/release"
PRIME = 21888242871839275222246405745257275088548364400416034343698204186575808495617
# Proofs before the measured ones, which read the key and fill caches.
WARM_UP = 3
# Proofs of the measurement that the pace of submissions follows.
BACKLOG = 12
PATIENCE_S = 20


def element(value):
    return value.to_bytes(32, "little")


def container(magic, version, sections):
    parts = [magic, struct.pack("<II", version, len(sections))]
    for kind, body in sections:
        parts += [struct.pack("<IQ", kind, len(body)), body]
    return b"".join(parts)


def circuit(rows):
    """The constraint system of a chain of squares, one public output first (r1cs, version 1)."""
    signals = rows + 2
    header = struct.pack("<I", 32) + element(PRIME) + struct.pack("<IIIIQI", signals, 1, 0, 1, signals, rows)
    term = lambda signal: struct.pack("<II", 1, signal) + element(1)
    # Signal 1 is the output, signal 2 the input, and what lies between follows.
    chain = [2, *range(3, signals), 1]
    rows_of = [term(a) + term(a) + term(b) for a, b in zip(chain, chain[1:])]
    labels = b"".join(struct.pack("<Q", label) for label in range(signals))
    return container(b"r1cs", 1, [(1, header), (2, b"".join(rows_of)), (3, labels)])


def witness(rows):
    """Its witness (wtns, version 2)."""
    values = [3]
    for _ in range(rows):
        values.append(values[-1] ** 2 % PRIME)
    signals = [1, values[-1], *values[:-1]]
    header = struct.pack("<I", 32) + element(PRIME) + struct.pack("<I", len(signals))
    return container(b"wtns", 2, [(1, header), (2, b"".join(map(element, signals)))])


class Service:
    """A server with one prover and its circuit."""

    def __init__(self, folder, rows, *options, device="cpu", key=None, stderr=None):
        self.body = base64.b64encode(witness(rows)).decode()
        data = ["--data", folder / "data"]
        command = [BINARIES / "zkpool", "serve", *data, "--listen", "127.0.0.1:0", "--device", device, "--json", *options]
        self.began = time.time()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.url = json.loads(self.process.stdout.readline())["listening"]
        self.listening_s = time.time() - self.began
        self.key = key or run("keys", "create", *data, "--project", "acme", "--scopes", "submit,read").strip()

    def register(self, folder, rows):
        (folder / "squares.r1cs").write_bytes(circuit(rows))
        run("groth16", "setup", "--development", folder / "squares.r1cs", folder / "squares.zkey")
        client = ["--server", self.url, "--key", self.key]
        run("circuits", "add", "squares", folder / "squares.zkey", "--allow-development-key", *client)

    def call(self, path, body=None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if body:
            headers["Idempotency-Key"] = str(random.getrandbits(128))
        data = body and json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=2 * PATIENCE_S) as answer:
            return json.load(answer)

    def submit(self):
        return self.call("/v1/proofs", {"circuit": "squares", "witness": {"base64": self.body}})["id"]

    def ended(self, job):
        """The proof, once it is there."""
        while True:
            view = self.call(f"/v1/proofs/{job}?wait={PATIENCE_S}")
            if view["state"] == "succeeded":
                return view
            if view["state"] not in ("queued", "proving"):
                raise SystemExit(f"a proof failed: {view}")

    def backlog(self):
        """Seconds from one end to the next while jobs wait, and those of them off the device."""
        jobs = [self.submit() for _ in range(BACKLOG + 1)]
        views = sorted((self.ended(job) for job in jobs), key=lambda view: view["finished_at"])
        gap_s = (moment(views[-1]["finished_at"]) - moment(views[0]["finished_at"])) / BACKLOG
        return gap_s, max(0.0, gap_s - statistics.mean(map(device_s, views[1:])))


def run(*arguments):
    return subprocess.run([BINARIES / "zkpool", *arguments], check=True, text=True, capture_output=True).stdout


def device_s(view):
    return view["receipt"]["usage"]["device_us"] / 1e6


def moment(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def arrivals(seconds, per_s, rng):
    times, now = [], rng.expovariate(per_s)
    while now < seconds:
        times.append(now)
        now += rng.expovariate(per_s)
    return times


def submit_all(service, times):
    """Submits each at its time, whatever becomes of those before."""
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        submitted = []
        for at in times:
            time.sleep(max(0.0, start + at - time.monotonic()))
            submitted.append(pool.submit(service.submit))
        return [service.ended(future.result()) for future in submitted]


def quantile(values, percent):
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def real(views):
    accepted = [moment(view["accepted_at"]) for view in views]
    ended = [moment(view["finished_at"]) for view in views]
    latencies = [end - start for start, end in zip(accepted, ended)]
    busy = sum(map(device_s, views))
    return {
        "latency_p50_s": quantile(latencies, 50),
        "latency_p95_s": quantile(latencies, 95),
        "utilisation": busy / (max(ended) - min(accepted)),
    }


def played(folder, views, between_s):
    """What the model makes of the same acceptances and proofs."""
    views = sorted(views, key=lambda view: moment(view["accepted_at"]))
    start = moment(views[0]["accepted_at"])
    held_ms = [max(1, round((device_s(view) + between_s) * 1000)) for view in views]
    circuits = [{"name": str(job), "proving_ms": {"cpu": ms}} for job, ms in enumerate(held_ms)]
    jobs = [[round((moment(view["accepted_at"]) - start) * 1000), job] for job, view in enumerate(views)]
    minutes = 10
    trace = {"about": "", "circuits": circuits, "hours": 0, "tail_minutes": minutes}
    trace["arrivals"] = {"recorded": jobs}
    cpu = {"class": "cpu", "share": 1, "nano_usd_per_hour": 0}
    at_once = {"order_s": 0, "boot_s": 0, "container_s": 0, "linger_s": 0, "notice_s": 0, "seed": 1}
    fleet = {"about": "", **at_once, "interruptions_per_1000_h": 0, "devices": [cpu]}
    (folder / "trace.json").write_text(json.dumps(trace))
    (folder / "fleet.json").write_text(json.dumps(fleet))
    options = [folder / "trace.json", "--fleet", folder / "fleet.json", "--provers", "1", "--json"]
    output = subprocess.run([BINARIES / "zkpool-load", "replay", *options], check=True, text=True, capture_output=True)
    figures = json.loads(output.stdout)
    return {
        "latency_p50_s": figures["latency_p50_s"],
        "latency_p95_s": figures["latency_p95_s"],
        "utilisation": sum(map(device_s, views)) / figures["last_end_s"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--load", type=float, default=0.7, help="work that comes in, as a share of what can be done")
    parser.add_argument("--rows", type=int, default=16384)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        service = Service(folder, options.rows)
        try:
            service.register(folder, options.rows)
            for _ in range(WARM_UP):
                service.ended(service.submit())
            proof_s, between_s = service.backlog()
            times = arrivals(options.seconds, options.load / proof_s, random.Random(options.seed))
            views = submit_all(service, times)
        finally:
            service.process.terminate()
            service.process.wait()
        reality, model = real(views), played(folder, views, between_s)
    mean_s = statistics.mean(map(device_s, views))
    print(f"{len(views)} proofs, {mean_s:.3f} s of the device each on average and {between_s:.3f} s between two")
    print("| | real | model | model / real |\n|---|---|---|---|")
    for figure, value in reality.items():
        print(f"| {figure} | {value:.3f} | {model[figure]:.3f} | {model[figure] / value:.3f} |")


if __name__ == "__main__":
    main()
