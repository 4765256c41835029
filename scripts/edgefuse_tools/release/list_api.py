"""Lists the public items of the library: docs/api.txt, one line per item, so that a change of the API is seen in review.

scripts/dev.py list_api            writes the list
scripts/dev.py list_api --check    exits with 1 if the list is not that of the code, with 77 if this Rust cannot tell

Reads rustdoc's JSON, which is unstable: RUSTC_BOOTSTRAP=1 lets a stable rustdoc write it. Only rustdoc sees it, through a wrapper;
in cargo's environment it would have every crate with a build script compiled again.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT

LIST = ROOT / "docs" / "api.txt"
NOT_RUN = 77
HEAD = """\
The public items of the library edgefuse without cargo features, as scripts/dev.py list_api lists them. A line that goes or changes is
a breaking change.

"""

Item = dict[str, Any]


class Api:
    """The index of rustdoc's JSON."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.index: dict[str, Item] = document["index"]
        self.root = str(document["root"])
        self.seen: set[str] = set()

    def lines(self) -> list[str]:
        """One line per public item."""
        return sorted(set(self._module(self.root, "edgefuse")))

    def _item(self, key: object) -> Item | None:
        item = self.index.get(str(key))
        hidden = item is not None and any("doc(hidden)" in str(attribute) for attribute in item.get("attrs", []))
        return None if hidden else item

    def _module(self, key: str, path: str) -> Iterator[str]:
        module = self.index[key]["inner"]["module"]
        for child in module["items"]:
            item = self._item(child)
            if item is not None and item["visibility"] == "public":
                yield from self._public(item, path)

    def _public(self, item: Item, path: str) -> Iterator[str]:
        (kind, inner), *_ = item["inner"].items()
        if kind == "use":
            target = self._item(inner["id"])
            if target is None:
                yield f"{path}::{inner['name']}: re-export of {inner['source']}"
            elif inner["is_glob"]:
                yield from self._module(str(inner["id"]), path)
            else:
                yield from self._public({**target, "name": inner["name"]}, path)
            return
        name = f"{path}::{item['name']}"
        if kind == "module":
            yield f"mod {name}"
            yield from self._module(str(item["id"]), name)
            return
        attributes = " #[non_exhaustive]" if "non_exhaustive" in str(item.get("attrs", [])) else ""
        yield f"{kind} {name}{attributes}"
        for child in self._members(kind, inner):
            member = self._item(child)
            if member is None or member["name"] is None:
                continue
            (what, body), *_ = member["inner"].items()
            if kind != "enum" and kind != "trait" and member["visibility"] != "public":
                continue
            yield f"{what} {name}::{member['name']}{arguments(body) if what == 'function' else ''}"

    def _members(self, kind: str, inner: dict[str, Any]) -> Iterator[object]:
        if kind == "struct":
            shape = inner["kind"]
            if isinstance(shape, dict) and "plain" in shape:
                yield from shape["plain"]["fields"]
        if kind == "enum":
            yield from inner["variants"]
        if kind == "trait":
            yield from inner["items"]
        for key in inner.get("impls", []) if kind in ("struct", "enum") else []:
            implementation = self.index.get(str(key))
            if implementation is not None and implementation["inner"]["impl"]["trait"] is None:
                for child in implementation["inner"]["impl"]["items"]:
                    member = self.index.get(str(child))
                    if member is not None and member["visibility"] == "public":
                        yield child


def arguments(function: dict[str, Any]) -> str:
    """The names of a function's arguments."""
    return "(" + ", ".join(name for name, _ in function["sig"]["inputs"]) + ")"


def documented() -> dict[str, Any] | None:
    """Rustdoc's JSON, or nothing if this compiler cannot write it."""
    command = ["cargo", "rustdoc", "--locked", "--lib", "--no-default-features", "--"]
    command += ["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]
    with tempfile.TemporaryDirectory() as folder:
        wrapper = Path(folder) / "rustdoc"
        wrapper.write_text('#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n')
        wrapper.chmod(0o755)
        environment = {**os.environ, "RUSTDOC": str(wrapper)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"rustdoc writes no JSON here: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    document: dict[str, Any] = json.loads((target / "doc" / "edgefuse.json").read_text())
    return document


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check: bool = parser.parse_args(given).check
    document = documented()
    if document is None:
        return NOT_RUN
    try:
        lines = Api(document).lines()
    except (KeyError, TypeError) as error:
        print(f"rustdoc's JSON has another format here: {error!r}", file=sys.stderr)
        return NOT_RUN
    text = HEAD + "\n".join(lines) + "\n"
    if not check:
        LIST.write_text(text)
        print(f"{LIST.relative_to(ROOT)}: {len(lines)} items")
        return 0
    before = LIST.read_text() if LIST.exists() else ""
    if text == before:
        return 0
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), text.splitlines(True), "docs/api.txt", "code"))
    print("The public API changed: run scripts/dev.py list_api, and note breaking changes in CHANGELOG.md.")
    return 1
