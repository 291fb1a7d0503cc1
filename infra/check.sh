#!/usr/bin/env bash
# Checks the templates without an account: syntax and types, this project's rules, general policies,
# that the scaling is the one that its model is tested with, that bills of materials are complete, and
# the scripts and the container.
set -euo pipefail
cd "$(dirname "$0")/.."

. infra/environment.sh

TEMPLATES=(infra/artifacts.yaml infra/core.yaml infra/gpu.yaml)

step() { printf '== %s\n' "$*"; }

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

step "Bills of materials"
infra/sbom.sh
"$TOOLS/lint/bin/python" infra/check_sbom.py

step "Scripts and the container"
"$TOOLS/lint/bin/shellcheck" --external-sources infra/*.sh
"$TOOLS/lint/bin/hadolint" prover-gpu/Containerfile
