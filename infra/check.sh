#!/usr/bin/env bash
# Checks the templates without an account: syntax and types, this project's rules, general policies,
# and that the scaling is the one that its model is tested with.
set -euo pipefail
cd "$(dirname "$0")/.."

TOOLS="$PWD/target/tools"
TEMPLATES=(infra/artifacts.yaml infra/core.yaml infra/gpu.yaml)

step() { printf '== %s\n' "$*"; }

# A Python environment with exactly these requirements; made again only when they change.
environment() {
    local dir="$TOOLS/$1" wanted="infra/requirements-$1.txt"
    if ! cmp -s "$wanted" "$dir/requirements.txt"; then
        rm -rf "$dir"
        python3 -m venv "$dir" || {
            echo "Python cannot make environments: install python3-venv" >&2
            return 1
        }
        "$dir/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
        cp "$wanted" "$dir/requirements.txt"
    fi
}

step "Tools"
environment lint
environment policies
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1

step "Types and this project's rules"
"$TOOLS/lint/bin/cfn-lint" --custom-rules infra/rules.txt -- "${TEMPLATES[@]}"

step "SAM"
for template in "${TEMPLATES[@]}"; do
    "$TOOLS/lint/bin/sam" validate --lint --template "$template"
done

step "Policies"
files=()
for template in "${TEMPLATES[@]}"; do files+=(--file "$template"); done
"$TOOLS/policies/bin/checkov" --config-file infra/checkov.yaml "${files[@]}"

step "Scaling"
"$TOOLS/lint/bin/python" infra/check_scaling.py

step "Scripts"
for script in infra/*.sh; do bash -n "$script"; done
