#!/usr/bin/env python3
"""Lists every crate that is linked into edgefuse for a board, with version, licence and origin: src/bundle/crates.txt.

scripts/list_crates.py            writes the list
scripts/list_crates.py --check    exits with 1 where the list is not that of Cargo.lock
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "src" / "bundle" / "crates.txt"
HEAD = """\
The program edgefuse is linked from these Rust crates; each one's licence text is in its source, at https://crates.io/crates/NAME.

"""
TARGETS = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"]


def linked() -> str:
    """The list, from cargo."""
    rows = set()
    for target in TARGETS:
        command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
        metadata = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
        packages = {package["id"]: package for package in metadata["packages"]}
        nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        root = metadata["resolve"]["root"]
        seen, left = set(), [root]
        while left:
            name = left.pop()
            if name in seen:
                continue
            if any("proc-macro" in made["kind"] for made in packages[name]["targets"]):
                continue  # runs in the compiler
            seen.add(name)
            for dependency in nodes[name]["deps"]:
                # Of a build or a test nothing is linked.
                if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                    left.append(dependency["pkg"])
        for name in seen - {root}:
            package = packages[name]
            license = package["license"] or f"see {package['license_file']}"
            rows.add((package["name"], package["version"], license, package["repository"] or ""))
    return HEAD + "".join(
        f"{name} {version}  ({license})  {origin}\n" for name, version, license, origin in sorted(rows)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    text = linked()
    if parser.parse_args().check:
        if LIST.read_text(encoding="utf-8") != text:
            print(f"{LIST.relative_to(ROOT)} is not that of Cargo.lock: run scripts/list_crates.py")
            return 1
        return 0
    LIST.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
