"""Holds the bills of materials of sbom.sh to what cargo builds the programs of."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent

# Packages and the features that they are deployed with. Every program of theirs has a bill.
DEPLOYED = {"zkpool": ["aws"], "zkpool-lambda": [], "zkpool-metrics": []}


def host():
    """The platform of this machine, whose bills are looked at."""
    lines = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.split()[1] for line in lines.splitlines() if line.startswith("host:"))


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked", "--offline"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def programs():
    """The programs of each package that is deployed."""
    found = {}
    for package in json.loads(cargo("metadata", "--no-deps", "--format-version", "1"))["packages"]:
        if package["name"] in DEPLOYED:
            bins = [t["name"] for t in package["targets"] if "bin" in t["kind"]]
            found[package["name"]] = bins
    return found


def built_of(package, target):
    """Name and version of everything that ends up in the programs of a package."""
    features = ",".join(DEPLOYED[package])
    tree = cargo(
        "tree", "--package", package, "--features", features, "--edges", "normal",
        "--target", target, "--prefix", "none", "--format", "{p}",
    )  # fmt: skip
    lines = {tuple(line.split()[:2]) for line in tree.splitlines()}
    return {(name, version.removeprefix("v")) for name, version in lines if name != package}


def faults(bill, package, target):
    """What is wrong with the bill of a program, in words."""
    listed = {(c["name"], c["version"]): c for c in bill["components"]}
    for missing in sorted(built_of(package, target) - listed.keys()):
        yield f"{' '.join(missing)} is in the program and not in the bill"
    for (name, version), component in sorted(listed.items()):
        wanted = ["purl", "licenses"] + ([] if name.startswith("zkpool") else ["hashes"])
        for absent in (key for key in wanted if not component.get(key)):
            yield f"{name} {version} has no {absent}"


def main():
    found, bills, target = [], 0, host()
    for package, bins in programs().items():
        for program in bins:
            bill = json.loads((ROOT / "target" / "sbom" / target / f"{program}.cdx.json").read_text())
            found += [f"{program}: {fault}" for fault in faults(bill, package, target)]
            bills += 1
    print("\n".join(found) or f"{bills} bills of materials name everything that is built")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
