"""Times the first event of every function, and the next one.

    python3 load-tests/cold_start.py [--runs N] FOLDER

FOLDER has the functions as infra/build.sh leaves them, built for this machine's processor:
FOLDER/NAME/bootstrap and FOLDER/NAME.zip. Each run starts AWS's own emulator of the Lambda runtime,
and times an event from its sending to its answer: the first one starts the process, builds its
context and makes its first call to storage. Storage, queue and ECS are a stand-in on this machine,
without TLS. tests/run.sh installs both below target/tools.
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

TOOLS = Path(__file__).parent.parent / "target/tools"
PATIENCE_S = 60
BUCKET, QUEUE, CLUSTER, SERVICE = "blobs", "jobs", "gpus", "provers"
KEY = "zkp_" + "0" * 64
# Every event asks storage for one thing. No key is known, so that nothing else is done.
EVENTS = {
    "circuits": ("GET", "/v1/circuits"),
    "metrics": None,
    "status": ("GET", "/v1/proofs"),
    "submit": ("POST", "/v1/uploads"),
    "sweep": None,
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(url, body=None, method="POST", headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return answer.read()


def wait_for(port):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.002)
    raise SystemExit(f"nothing listens on port {port}")


class StandIn:
    """S3, SQS and ECS with what the functions need."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        mine = {"BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port)}
        self.process = subprocess.Popen(
            [TOOLS / "aws/bin/ministack"],
            env={**os.environ, **mine},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.port)
        send(f"{self.url}/{BUCKET}", b"", "PUT", self.headers("s3"))
        self.queue = self.call("sqs", "AmazonSQS.CreateQueue", QueueName=QUEUE)["QueueUrl"]
        ecs = "AmazonEC2ContainerServiceV20141113"
        self.call("ecs", f"{ecs}.CreateCluster", clusterName=CLUSTER)
        task = {"family": "prover", "containerDefinitions": [{"name": "prover", "image": "prover"}]}
        self.call("ecs", f"{ecs}.RegisterTaskDefinition", **task)
        service = {"cluster": CLUSTER, "serviceName": SERVICE, "taskDefinition": "prover"}
        self.call("ecs", f"{ecs}.CreateService", desiredCount=0, **service)

    def headers(self, service):
        credential = f"Credential=test/20260101/us-east-1/{service}/aws4_request"
        return {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}

    def call(self, service, target, **body):
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        headers.update(self.headers(service))
        return json.loads(send(self.url, json.dumps(body).encode(), headers=headers))

    def environment(self):
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "ZKPOOL_BUCKET": BUCKET,
            "ZKPOOL_S3_PATH_STYLE": "true",
            "ZKPOOL_QUEUE_URL": self.queue,
            "ZKPOOL_DEAD_LETTER_QUEUE_URL": self.queue,
            "ZKPOOL_NOTICE_QUEUE_URL": self.queue,
            "ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL": self.queue,
            "ZKPOOL_CLUSTER": CLUSTER,
            "ZKPOOL_SERVICE": SERVICE,
            "ZKPOOL_TARGET_BACKLOG_SECONDS": "300",
            "ZKPOOL_PROVING_SECONDS_DEFAULT": "30",
            "RUST_LOG": "warn",
        }


def event(name):
    if not EVENTS[name]:
        return b"{}"
    method, path = EVENTS[name]
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": ""}
    context = {"http": http, "requestId": "1", "stage": "$default", "timeEpoch": 0, "apiId": "api"}
    message = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {KEY}"},
        "requestContext": context,
        "body": "{}",
        "isBase64Encoded": False,
    }
    return json.dumps(message).encode()


def timed(url, body):
    """Milliseconds of one event, which must be answered by the function itself."""
    start = time.perf_counter()
    answer = json.loads(send(url, body) or "null")
    took = (time.perf_counter() - start) * 1000
    if isinstance(answer, dict) and ("errorType" in answer or answer.get("statusCode", 401) != 401):
        raise SystemExit(f"an event failed: {answer}")
    return took


def run(name, binary, environment):
    """The first event and the second one, in milliseconds."""
    port, runtime = free_port(), free_port()
    processor = "arm64" if platform.machine() == "aarch64" else "x86_64"
    emulator = TOOLS / f"sam/samcli/local/rapid/aws-lambda-rie-{processor}"
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{runtime}"]
    process = subprocess.Popen(
        [emulator, *addresses, binary, name],
        env={**os.environ, **environment, "AWS_LAMBDA_FUNCTION_NAME": name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        return timed(url, event(name)), timed(url, event(name))
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    stand_in = StandIn()
    try:
        print("| function | binary MB | archive MB | first event ms | next event ms |")
        print("|---|---|---|---|---|")
        for name in sorted(EVENTS):
            binary = (options.folder / name / "bootstrap").resolve()
            archive = options.folder / f"{name}.zip"
            times = [run(name, binary, stand_in.environment()) for _ in range(options.runs)]
            first, after = (statistics.median(column) for column in zip(*times))
            sizes = [path.stat().st_size / 1e6 for path in (binary, archive)]
            print(f"| {name} | {sizes[0]:.1f} | {sizes[1]:.1f} | {first:.0f} | {after:.1f} |", flush=True)
    finally:
        stand_in.process.terminate()
        stand_in.process.wait()


if __name__ == "__main__":
    main()
