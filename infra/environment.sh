# shellcheck shell=bash
# Python environments below target/tools, for the scripts of this folder. To be sourced.

TOOLS="$PWD/target/tools"

# An environment with exactly the requirements of this name; made again only when they change.
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
