"""Times a prover from its start to its first proof, by stage.

    cargo build --release -p zkpool
    python3 load-tests/prover_cold_start.py [--rows 131072] [--runs 3] [--device cpu] [--drop-caches]

Jobs are accepted by a server that is killed before it proves them. A new server then starts on the
same data, claims one, opens its key and proves: once on a machine that has never opened the key,
which prepares it, and once on one that has. --drop-caches
makes the system forget all files before each start (as root), so that they are read from the disk.
Times are in seconds since the process was started; the key's are those of reading its file and no more.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from validate_replay import BINARIES, Service, device_s, moment

# More than are proved and fetched ahead until the server is killed.
JOBS = 16


def forget_files():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def read_s(folder):
    """Seconds that the key takes to be read, which is the largest registered file, and its bytes."""
    files = [path for path in (folder / "data/blobs/artifacts").rglob("*") if path.is_file()]
    key = max(files, key=lambda path: path.stat().st_size)
    began = time.monotonic()
    with key.open("rb") as file:
        while file.read(1 << 20):
            pass
    return time.monotonic() - began, key.stat().st_size


def leave_jobs(service):
    """Has jobs accepted that are not proved."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        jobs = list(pool.map(lambda _: service.submit(), range(JOBS)))
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    return jobs


def first_proof(prover):
    """Seconds after which it had ended its first job, from what it says."""
    for line in prover.process.stderr:
        entry = json.loads(line)
        said, at = entry["fields"]["message"], moment(entry["timestamp"]) - prover.began
        if said == "the job ended":
            return at
    raise SystemExit("the server ended before it had proved anything")


def run_once(folder, machine, options):
    cache = ["--cache", folder / "shaders"]
    service = Service(folder, options.rows, *cache, device=options.device)
    service.register(folder, options.rows)
    service.ended(service.submit())
    jobs, key = leave_jobs(service), service.key
    if machine == "new":
        shutil.rmtree(folder / "data/cache")
        shutil.rmtree(folder / "shaders", ignore_errors=True)
    if options.drop_caches:
        forget_files()
    key_s, key_bytes = read_s(folder)
    if options.drop_caches:
        forget_files()
    log = ["--log", "zkpool_worker=info", "--log-json"]
    prover = Service(folder, options.rows, *cache, *log, device=options.device, key=key, stderr=subprocess.PIPE)
    proof_s = first_proof(prover)
    views = [prover.call(f"/v1/proofs/{job}") for job in jobs]
    prover.process.kill()
    prover.process.wait()
    ended = [view for view in views if view["finished_at"] and moment(view["finished_at"]) > prover.began]
    first = min(ended, key=lambda view: view["finished_at"])
    usage = first["receipt"]["usage"]
    stages = {"listening_s": prover.listening_s, "fetch_s": usage["fetch_us"] / 1e6, "proving_s": device_s(first)}
    return {**stages, "proof_s": proof_s, "read_s": key_s, "key_mb": key_bytes / 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=131072)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--drop-caches", action="store_true")
    options = parser.parse_args()
    for machine in ("new", "seen"):
        found = []
        for _ in range(options.runs):
            with tempfile.TemporaryDirectory(dir=BINARIES) as folder:
                found.append(run_once(pathlib.Path(folder).resolve(), machine, options))
        medians = {name: round(statistics.median(run[name] for run in found), 3) for name in found[0]}
        print(json.dumps({"machine": machine, "rows": options.rows, **medians}), flush=True)


if __name__ == "__main__":
    main()
