#!/usr/bin/env bash
# Deploys everything, or updates what is deployed. Needs AWS's command line with credentials of an
# administrator, Docker or Podman, Rust and Python.
#
#     infra/deploy.sh [--name NAME] [--core KEY=VALUE]... [--gpu KEY=VALUE]... [--no-gpu]
#                     [--architecture arm64|x86_64] [--release ID] [--image URI]
#
# --name          begins the names of the stacks; `zkpool` if not given
# --core          a parameter of core.yaml; what is not given stays as it is deployed
# --gpu           a parameter of gpu.yaml, likewise
# --no-gpu        leaves the provers out
# --architecture  the processor of the functions; arm64 if not given
# --release       runs archives that were deployed before, and builds none: rolls functions back
# --image         runs an image that was deployed before, and builds none: rolls provers back
set -euo pipefail
cd "$(dirname "$0")/.."

NAME=zkpool
CORE=()
GPU=()
WITH_GPU=yes
RELEASE=""
IMAGE=""
ARCHIVES=""
ARCHITECTURE=arm64

while [ $# -gt 0 ]; do
    case "$1" in
        --no-gpu) WITH_GPU=no; shift; continue ;;
        --name | --core | --gpu | --architecture | --release | --image) ;;
        *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
    case "$1" in
        --name) NAME="$2" ;;
        --core) CORE+=("$2") ;;
        --gpu) GPU+=("$2") ;;
        --architecture) ARCHITECTURE="$2" ;;
        --release) RELEASE="$2" ;;
        --image) IMAGE="$2" ;;
    esac
    shift 2
done
step() { printf '\n== %s\n' "$*" >&2; }

# An output of a stack.
output() {
    aws cloudformation describe-stacks --stack-name "$1" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue"
}

# Creates or updates a stack: name, template, and parameters after them. CloudFormation takes at most
# 51,200 bytes of a template by itself; once there is a bucket, templates come from there.
deploy() {
    local stack="$1" template="$2"
    shift 2
    aws cloudformation deploy --stack-name "$stack" --template-file "$template" \
        ${ARCHIVES:+--s3-bucket "$ARCHIVES" --s3-prefix templates} \
        --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
        --tags "project=$NAME" ${1:+--parameter-overrides "$@"} >&2
}

# Roles that AWS's services act by. An account that used them before has them.
create_service_roles() {
    local service
    for service in ecs.amazonaws.com autoscaling.amazonaws.com spot.amazonaws.com \
        ecs.application-autoscaling.amazonaws.com; do
        aws iam create-service-linked-role --aws-service-name "$service" >/dev/null 2>&1 || true
    done
}

# Uploads the archives of a release that is not there yet.
upload() {
    local bucket="$1" release="$2" archive
    for archive in target/lambda/*.zip; do
        aws s3 cp --only-show-errors "$archive" "s3://$bucket/$release/$(basename "$archive")" >&2
    done
}

# Builds the prover's image, pushes it unless it is there, and prints where it is.
push_image() {
    local repository="$1" registry="${1%%/*}" engine id image
    engine="$(command -v docker || command -v podman)" || {
        echo "the prover's image needs docker or podman" >&2
        return 1
    }
    "$engine" build --platform linux/amd64 --file prover-gpu/Containerfile \
        --iidfile target/prover.iid . >&2
    infra/sbom.sh x86_64-unknown-linux-gnu >&2
    id="$(sed 's/^sha256://' target/prover.iid)"
    image="$repository:${id:0:16}"
    if ! aws ecr describe-images --repository-name "${repository#*/}" \
        --image-ids "imageTag=${id:0:16}" >/dev/null 2>&1; then
        aws ecr get-login-password | "$engine" login --username AWS --password-stdin "$registry" >&2
        "$engine" tag "$id" "$image"
        "$engine" push "$image" >&2
    fi
    echo "$image"
}

step "Archives and images"
deploy "$NAME-artifacts" infra/artifacts.yaml
ARCHIVES="$(output "$NAME-artifacts" ArchiveBucket)"
if [ -z "$RELEASE" ]; then
    RELEASE="$(infra/build.sh "$ARCHITECTURE")"
    upload "$ARCHIVES" "$RELEASE"
fi

step "Storage, queue, functions: release $RELEASE"
deploy "$NAME-core" infra/core.yaml "ArchiveBucket=$ARCHIVES" "Release=$RELEASE" \
    "FunctionArchitecture=$ARCHITECTURE" "${CORE[@]}"

if [ "$WITH_GPU" = yes ]; then
    step "Provers"
    create_service_roles
    [ -n "$IMAGE" ] || IMAGE="$(push_image "$(output "$NAME-artifacts" ImageRepository)")"
    deploy "$NAME-gpu" infra/gpu.yaml "CoreStack=$NAME-core" "ArchiveBucket=$ARCHIVES" \
        "Release=$RELEASE" "FunctionArchitecture=$ARCHITECTURE" "Image=$IMAGE" "${GPU[@]}"
fi

step "Deployed: release $RELEASE${IMAGE:+, image $IMAGE}"
echo "export ZKPOOL_SERVER=$(output "$NAME-core" ApiUrl)"
echo "export ZKPOOL_BUCKET=$(output "$NAME-core" Bucket)"
echo "export ZKPOOL_QUEUE_URL=$(output "$NAME-core" QueueUrl)"
echo "export ZKPOOL_DEAD_LETTER_QUEUE_URL=$(output "$NAME-core" DeadLetterQueueUrl)"
echo "export ZKPOOL_NOTICE_QUEUE_URL=$(output "$NAME-core" NoticeQueueUrl)"
echo "export ZKPOOL_NOTICE_DEAD_LETTER_QUEUE_URL=$(output "$NAME-core" NoticeDeadLetterQueueUrl)"
