#!/usr/bin/env bash
# Deploys core.yaml to an emulator of AWS on this machine and takes one proof through it: HTTP API,
# functions, queue, bucket and a prover on the CPU. Exits with 0 only if that proof verifies.
#
# The functions run as the archives that Lambda gets, made from this machine's own build. Only the
# prover stands outside: the emulator has no GPU machines.
#
#     infra/local.sh [--built]
#
# --built  takes the programs that are in target/release already
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/environment.sh

NAME=zkpool-local
FUNCTIONS=(circuits dashboard pricing reports rollup status submit sweep webhooks)
FIXTURES=tests/fixtures/bn128

step() { printf '== %s\n' "$*"; }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits for at most a minute until a command succeeds.
wait_for() {
    local _
    for _ in $(seq 600); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "never succeeded: $*" >&2
    return 1
}

output() {
    aws cloudformation describe-stacks --stack-name "$NAME" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

# Lets a function address the bucket as a path, as the emulator needs.
use_path_style() {
    local function="$NAME-$1" variables
    variables="$(aws lambda get-function-configuration --function-name "$function" \
        --query Environment.Variables --output json)"
    aws lambda update-function-configuration --function-name "$function" --environment \
        "{\"Variables\": ${variables%\}}, \"ZKPOOL_S3_PATH_STYLE\": \"true\"}}" >/dev/null
}

# Ends what was started. The emulator's functions are children of it and end with their group.
clean_up() {
    local status=$? group
    for group in "${GROUPS_STARTED[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
    if [ "$status" = 0 ]; then rm -rf "$WORK"; else echo "logs are in $WORK" >&2; fi
}

# Starts a program in the background with a process group of its own: a name, and the command.
start() {
    local name="$1"
    shift
    setsid "$@" >"$WORK/$name.log" 2>&1 &
    GROUPS_STARTED+=("$!")
}

case "${1:-}" in
    "") built=no ;;
    --built) built=yes ;;
    *) echo "expected --built or nothing, found $1" >&2; exit 2 ;;
esac
WORK="$(mktemp -d)"
GROUPS_STARTED=()
trap clean_up EXIT

step "Build"
environment local
[ "$built" = yes ] ||
    cargo build --release --locked --package zkpool --package zkpool-lambda --bins --features zkpool/aws
PATH="$PWD/target/release:$TOOLS/local/bin:$PATH"
for name in "${FUNCTIONS[@]}"; do
    python3 infra/archive.py "target/release/$name" "$WORK/$name.zip"
done

step "Emulator"
PORT="$(free_port)"
export AWS_ENDPOINT_URL="http://127.0.0.1:$PORT"
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
start emulator env BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 GATEWAY_PORT="$PORT" ministack
wait_for aws s3api list-buckets

step "Stack"
aws s3api create-bucket --bucket "$NAME-archives" >/dev/null
for name in "${FUNCTIONS[@]}"; do
    aws s3 cp --only-show-errors "$WORK/$name.zip" "s3://$NAME-archives/local/$name.zip"
done
aws cloudformation deploy --stack-name "$NAME" --template-file infra/core.yaml \
    --s3-bucket "$NAME-archives" --s3-prefix templates --capabilities CAPABILITY_IAM \
    --parameter-overrides "ArchiveBucket=$NAME-archives" Release=local \
    "FunctionArchitecture=$(uname -m | sed 's/aarch64/arm64/')" >/dev/null
for name in "${FUNCTIONS[@]}"; do use_path_style "$name"; done
ZKPOOL_BUCKET="$(output Bucket)"
ZKPOOL_QUEUE_URL="$(output QueueUrl)"
ZKPOOL_DEAD_LETTER_QUEUE_URL="$(output DeadLetterQueueUrl)"
ZKPOOL_NOTICE_QUEUE_URL="$(output NoticeQueueUrl)"
ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL="$(output NoticeDeadLetterQueueUrl)"
# The emulator serves the HTTP API by this path, because few resolvers know its host name.
ZKPOOL_SERVER="$AWS_ENDPOINT_URL/restapis/$(output ApiId)/\$default/_user_request_"
export ZKPOOL_S3_PATH_STYLE=true
export ZKPOOL_BUCKET ZKPOOL_QUEUE_URL ZKPOOL_DEAD_LETTER_QUEUE_URL ZKPOOL_SERVER
export ZKPOOL_NOTICE_QUEUE_URL ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL

step "Key"
ZKPOOL_API_KEY="$(zkpool keys create --aws --project local --scopes submit,read,finance)"
export ZKPOOL_API_KEY
wait_for curl --silent --fail "$ZKPOOL_SERVER/readyz"

step "Prover"
start prover env ZKPOOL_CACHE="$WORK/cache" zkpool prover --device cpu

step "Proof"
zkpool circuits add multiplier "$FIXTURES/multiplier.zkey"
zkpool budgets set '*' --limit 1 --hard-stop
QUOTE="$(zkpool quote multiplier --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')"
zkpool prove multiplier "$FIXTURES/multiplier.wtns" --quote "$QUOTE" --proof "$WORK/proof.json" --public "$WORK/public.json"
zkpool groth16 verify "$FIXTURES/verification_key.json" "$WORK/public.json" "$WORK/proof.json"
step "A proof went through the deployed API, queue and bucket"
