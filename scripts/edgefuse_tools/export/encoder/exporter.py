"""Writes the model folder of an encoder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgefuse_tools.export.encoder.parts import PICTURE, Parts
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.precision import ENCODER, Precision, least_runtimes
from edgefuse_tools.export.model_folder import graph_entry, graph_file_name, new_model_folder, write_description


def export_encoder(
    out: Path, parts: Parts, *, name: str, source: dict[str, str], dialect: Dialect, precisions: Sequence[Precision]
) -> None:
    """Writes the model folder `out`. `source` is the section of that name in model.yaml. Nothing is left behind on
    failure."""
    with new_model_folder(out) as building:
        graphs = {role: _write(building, role, parts, dialect, precisions) for role in parts.graphs}
        for file, content in parts.files.items():
            (building / file).write_bytes(content)
        write_description(
            building, kind="encoder", name=name, dialect=dialect, source=source, graphs=graphs, details=parts.details
        )


def _write(folder: Path, role: str, parts: Parts, dialect: Dialect, precisions: Sequence[Precision]) -> dict[str, Any]:
    """Writes a graph in every precision; returns its entry in model.yaml."""
    files: dict[str, str] = {}
    stored = {named: _stored(role, parts, named) for named in precisions}
    graph: GraphBuilder | None = None
    for named, precision in stored.items():
        file = graph_file_name(role, precision)
        files[named.value] = file
        if (folder / file).exists():
            continue
        started = time.monotonic()
        graph = GraphBuilder(role, dialect, precision)
        parts.graphs[role](graph)
        megabytes = sum(path.stat().st_size for path in graph.save(folder / file)) / 1e6
        print(f"{Path(file).stem}: {megabytes:.1f} MB in {time.monotonic() - started:.1f} s", file=sys.stderr)
    assert graph is not None, "at least one precision"
    needs = least_runtimes(named for named, precision in stored.items() if named is precision)
    return graph_entry(graph, files, needs=needs, lengths=parts.lengths)


def _stored(role: str, parts: Parts, named: Precision) -> Precision:
    """The precision of the graph that `named` runs: convolutions exist in fp32 only."""
    if role == PICTURE and parts.convolutional:
        return Precision.FP32
    return ENCODER.get(named, named)
