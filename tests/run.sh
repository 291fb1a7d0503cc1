#!/usr/bin/env bash
# Installs what the tests need and runs all of them. A missing tool is a failure, never a skip.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_DENY_VERSION=0.20.2
MINISTACK_VERSION=1.5.33
S3S_FS_VERSION=0.14.1
AWS_SAM_CLI_VERSION=1.170.0

# The command with everything it can have. By itself it builds no more than one machine needs.
FEATURES=(--features zkpool/aws)

step() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }

# Whether programs find the Vulkan loader and the driver that computes on the processor.
has_software_vulkan() {
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep 'libvulkan\.so\.1' >/dev/null &&
        compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null
}

# The README's walk-through uses curl as its readers do, the GPU's kernels are tested on Mesa's
# software Vulkan, which every machine can have, and templates are checked by tools in Python.
install_system_packages() {
    local packages=() sudo=""
    command -v curl >/dev/null || packages+=(curl)
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    has_software_vulkan || packages+=(libvulkan1 mesa-vulkan-drivers)
    # The dashboard is looked at in a browser, which needs a font to show anything.
    command -v chromium >/dev/null || packages+=(chromium)
    compgen -G '/usr/share/fonts/truetype/liberation*' >/dev/null || packages+=(fonts-liberation)
    [ "${#packages[@]}" -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}"
    has_software_vulkan || {
        echo "software Vulkan is missing although mesa-vulkan-drivers is installed" >&2
        return 1
    }
}

# Mesa complains on standard error where the session has no such folder.
set_runtime_folder() {
    [ -z "${XDG_RUNTIME_DIR:-}" ] || return 0
    export XDG_RUNTIME_DIR="$PWD/target/runtime"
    mkdir -p -m 700 "$XDG_RUNTIME_DIR"
}

# Built into the target folder, so that a machine builds it once and nothing is left elsewhere.
install_cargo_deny() {
    local root="$PWD/target/tools"
    PATH="$root/bin:$PATH"
    if [ "$(cargo-deny --version 2>/dev/null)" = "cargo-deny $CARGO_DENY_VERSION" ]; then
        return
    fi
    cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --no-default-features \
        --root "$root" --target-dir "$PWD/target/tools/build"
}

# Stand-ins for AWS: ministack answers as S3, SQS and IAM, s3s-fs as a second S3, and the package
# of AWS's own command line holds its emulator of the Lambda runtime.
install_stand_ins() {
    local root="$PWD/target/tools" python="$PWD/target/tools/aws/bin/python"
    [ -x "$python" ] || python3 -m venv "$root/aws"
    "$python" -m pip install --quiet --disable-pip-version-check "ministack==$MINISTACK_VERSION"
    [ -d "$root/sam/aws_sam_cli-$AWS_SAM_CLI_VERSION.dist-info" ] ||
        "$python" -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
            --target "$root/sam" "aws-sam-cli==$AWS_SAM_CLI_VERSION"
    [ "$(cargo install --list --root "$root" | grep -c "^s3s-fs v$S3S_FS_VERSION:")" = 1 ] ||
        cargo install s3s-fs --version "$S3S_FS_VERSION" --locked --features binary \
            --root "$root" --target-dir "$root/build"
}

# What tries the description of the API against a running server.
install_schemathesis() {
    local folder="$PWD/target/tools/openapi"
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tests/openapi/requirements.txt
}

step "Tools"
install_system_packages
set_runtime_folder
for folder in circuits/rollup tests/browser tests/evm tests/typescript tests/webhooks; do
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund)
done
install_cargo_deny
install_stand_ins
install_schemathesis
tests/finance/install.sh "$PWD/target/tools/finance"

step "Format"
cargo fmt --all --check

step "Lints"
cargo clippy --release --locked --workspace --all-targets "${FEATURES[@]}" -- -D warnings
# As most people build it.
cargo clippy --release --locked --package zkpool --all-targets -- -D warnings

# Advisories are left to `cargo deny check`, which downloads their database: what was fine
# yesterday must not fail today's tests.
step "Dependencies: licences, bans, sources"
cargo fetch --locked
cargo-deny --all-features --offline check bans licenses sources

step "Documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps "${FEATURES[@]}"

step "Infrastructure"
infra/check.sh

step "The rollup circuit"
(cd circuits/rollup && node --test test.mjs)

step "Unit tests and the whole system"
# Commands and tests in one build: apart, cargo would choose other features for each and compile
# what they share twice.
cargo build --release --locked --workspace --bins --tests "${FEATURES[@]}"
cargo test --release --locked --workspace "${FEATURES[@]}"

step "The service under faults, in virtual time"
target/release/simulate --seeds 10000

step "Mutants of files and documents"
for format in zkey wtns r1cs json wasm text request; do target/release/mutate --count 100000 --only "$format"; done

# In a build of its own, which nothing else is taken from.
step "Faults that are planted in the product, and what they break"
cargo test --release --locked --workspace "${FEATURES[@]}" --features zkpool-tests/defects \
    --test simulate-defects

step "A proof through the deployed stack, in an emulator"
infra/local.sh --built
