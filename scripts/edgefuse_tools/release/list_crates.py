"""Lists every crate that is linked into edgefuse for a board: src/bundle/crates.txt and src/bundle/crate-licenses.txt.

The first has one line per crate with version, licence and origin. The second has the notices: the licence files of the
crates' sources, each text once, under the names of its crates.

scripts/dev.py list_crates            writes both
scripts/dev.py list_crates --check    exits with 1 if they do not match Cargo.lock
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT

LIST = ROOT / "src" / "bundle" / "crates.txt"
NOTICES = ROOT / "src" / "bundle" / "crate-licenses.txt"
LIST_HEAD = """\
The program edgefuse is linked from these Rust crates. Their sources are at https://crates.io/crates/NAME, their licence texts in
edgefuse-crate-licenses.txt.

"""
NOTICES_HEAD = """\
The licence and notice files of the Rust crates that the program edgefuse is linked from, copied from the crates' sources.
Which licence a crate may be used under is in edgefuse-crates.txt. Rust's standard library is linked too: copyright (c) The Rust
Project Contributors, MIT OR Apache-2.0, whose texts are below.
"""
RULE = "-" * 100
TARGETS = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"]
NOTICE_FILE = re.compile(r"(licen[sc]e|unlicense|copying|copyright|notice)([-_.].*)?", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Crate:
    """A crate that is linked."""

    name: str
    version: str
    license: str
    origin: str
    authors: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, package: dict[str, Any]) -> Crate:
        """From cargo's metadata."""
        return cls(
            name=package["name"],
            version=package["version"],
            license=package["license"] or f"see {package['license_file']}",
            origin=package["repository"] or "",
            authors=tuple(package["authors"]),
            folder=Path(package["manifest_path"]).parent,
        )

    def notices(self) -> list[str]:
        """Texts of its licence files; without any, one line with its licence and authors."""
        files = sorted(path for path in self.folder.iterdir() if path.is_file() and NOTICE_FILE.fullmatch(path.name))
        if files:
            return [_tidy(path.read_text(encoding="utf-8", errors="replace")) for path in files]
        by = f", by {', '.join(self.authors)}" if self.authors else ""
        return [
            f"{self.name} has no licence file in its source. It is licensed under {self.license}{by}; {self.origin}"
        ]


def linked() -> list[Crate]:
    """The linked crates, from cargo's metadata."""
    crates = set()
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
                continue  # a procedural macro runs in the compiler
            seen.add(name)
            for dependency in nodes[name]["deps"]:
                # Build and development dependencies are not linked.
                if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                    left.append(dependency["pkg"])
        crates |= {Crate.of(packages[name]) for name in seen - {root}}
    return sorted(crates)


def listed(crates: list[Crate]) -> str:
    """One line per crate."""
    rows = [f"{crate.name} {crate.version}  ({crate.license})  {crate.origin}\n" for crate in crates]
    return LIST_HEAD + "".join(rows)


def notices(crates: list[Crate]) -> str:
    """Every text once, ignoring differences in line breaks, in order of its first crate."""
    names: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for crate in crates:
        for text in crate.notices():
            key = " ".join(text.split())
            texts.setdefault(key, text)
            of_text = names.setdefault(key, [])
            if (name := f"{crate.name} {crate.version}") not in of_text:
                of_text.append(name)
    parts = [f"\n{RULE}\n{', '.join(names[key])}\n{RULE}\n\n{text}\n" for key, text in texts.items()]
    return NOTICES_HEAD + "".join(parts)


def _tidy(text: str) -> str:
    """Strips trailing white space, for git's white-space checks."""
    lines = [line.rstrip() for line in text.lstrip("\ufeff").replace("\f", "").splitlines()]
    return "\n".join(lines).strip("\n")


def main() -> int:
    """Returns 0, or 1 if --check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    crates = linked()
    differ = False
    for path, text in [(LIST, listed(crates)), (NOTICES, notices(crates))]:
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path.relative_to(ROOT)} does not match Cargo.lock: run scripts/dev.py list_crates")
            differ = True
    return 1 if differ else 0
