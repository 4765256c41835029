"""Writes a model folder: the graphs, the tokenizer, and a `model.yaml` that lists and hashes every file.

The folder is built beside its target and renamed when complete: a failed export keeps the old one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from edgefuse_tools.export.check import check_folder
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import OPSET, Dialect, GraphBuilder
from edgefuse_tools.export.graphs.precision import Precision

FORMAT = 1
DESCRIPTION = "model.yaml"
HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Lengths:
    """Lengths of a dynamic axis: minimum, the one that engines are tuned for, maximum."""

    min: int
    opt: int
    max: int


@contextmanager
def new_model_folder(target: Path) -> Iterator[Path]:
    """Yields an empty folder beside `target`; if edgefuse accepts the result, it replaces `target`.

    An existing `target` must be empty or a model folder, so that a mistyped path destroys nothing.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ExportError(f"{target}: exists and is not a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / DESCRIPTION).is_file():
        raise ExportError(f"{target}: neither empty nor a model folder, so it is not replaced")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise ExportError(f"{target}: cannot be written: {error.strerror}") from error
    try:
        yield building
        check_folder(building, target)
        building.chmod(0o777 & ~_umask())  # mkdtemp creates a private folder
        if target.is_dir():
            previous = building.with_name(building.name + ".previous")
            target.rename(previous)
            building.rename(target)
            shutil.rmtree(previous)
        else:
            building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def graph_file_name(role: str, precision: Precision) -> str:
    """File name of the graph `role`."""
    return f"{role}.onnx" if precision is Precision.FP32 else f"{role}.{precision.value}.onnx"


def graph_entry(
    graph: GraphBuilder,
    files: Mapping[str, str],
    weights: Mapping[str, str] | None = None,
    needs: Mapping[str, Mapping[str, str]] | None = None,
    lengths: Mapping[str, Lengths] | None = None,
) -> dict[str, Any]:
    """A graph's entry in model.yaml, by precision.

    `files` are the graph files, `weights` their weights files if these are not FILE.data, and `needs` the minimum
    versions of ONNX Runtime if these are not 1.17. `lengths` are those of all dynamic axes; the entry contains those of
    the graph's inputs.
    """
    description = graph.describe()
    entry: dict[str, Any] = {"layers": description.pop("layers")} if "layers" in description else {}
    entry["files"] = dict(files)
    if weights:
        entry["weights"] = dict(weights)
    if needs:
        entry["needs"] = {precision: dict(versions) for precision, versions in needs.items()}
    axes = {axis for tensor in description["inputs"].values() for axis in tensor["shape"]}
    if profiles := {axis: asdict(length) for axis, length in (lengths or {}).items() if axis in axes}:
        entry["profiles"] = profiles
    return entry | description


def write_description(
    folder: Path,
    *,
    kind: str,
    name: str,
    dialect: Dialect,
    source: Mapping[str, str],
    graphs: Mapping[str, Any],
    details: Mapping[str, Any],
) -> None:
    """Writes `model.yaml`: the common part with every file in `folder`, then `details`, which depend on the kind.

    `source` contains `weights`, `origin`, `license` and `exporter`; `graphs` maps a role to its `graph_entry`.
    """
    files = {path.name: file_entry(path) for path in sorted(folder.iterdir()) if path.name != DESCRIPTION}
    head = {"format": FORMAT, "kind": kind, "name": name, "dialect": dialect.value, "opset": OPSET}
    content = head | {"source": dict(source), "files": files, "graphs": dict(graphs)} | dict(details)
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")


def file_entry(path: Path) -> dict[str, Any]:
    """SHA-256 (hexadecimal) and size of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}


class _Dumper(yaml.SafeDumper):
    """Repeats equal objects, for which PyYAML would write an anchor and references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
