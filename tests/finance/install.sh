#!/usr/bin/env bash
# Installs DuckDB and the validator of FOCUS into a virtual environment of the target folder.
#
#     tests/finance/install.sh FOLDER
set -euo pipefail
FOCUS_VALIDATOR_VERSION=2.2.1
folder="$1"
python="$folder/bin/python"
[ -x "$python" ] || python3 -m venv "$folder"
"$python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$(dirname "$0")/requirements.txt"
"$python" -m pip show focus-validator 2>/dev/null | grep -qx "Version: $FOCUS_VALIDATOR_VERSION" ||
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --ignore-requires-python "focus-validator==$FOCUS_VALIDATOR_VERSION"
# One line of it is written for Python 3.12; Debian 12 has 3.11, which cannot read it.
"$python" - <<'PYTHON'
import importlib.util, pathlib

package = pathlib.Path(importlib.util.find_spec("focus_validator").submodule_search_locations[0])
source = package / "config_objects" / "focus_to_duckdb_converter.py"
new = source.read_text().replace(
    """f"'{k.replace('\\"', '\\"\\"')}'" for k""",
    """"'" + k.replace(chr(34), chr(34) * 2) + "'" for k""",
)
source.write_text(new)
PYTHON
