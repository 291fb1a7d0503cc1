"""Reads a template as plain values; as a program, prints it as JSON: template.py TEMPLATE."""

import json
import pathlib
import sys

import cfnlint.decode


def template(path):
    """The template as plain values, short forms of functions in their long ones."""
    decoded, problems = cfnlint.decode.decode(str(path))
    if problems:
        sys.exit(f"{path} cannot be read: {problems}")
    return decoded


if __name__ == "__main__":
    print(json.dumps(template(pathlib.Path(sys.argv[1]))))
