"""The parts of an encoder's model folder: its graphs, and what model.yaml says about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.model_folder import Lengths

Fill = Callable[[GraphBuilder], None]
"""Fills an empty graph."""

BATCH = Lengths(1, 1, 8)
"""Largest batch that engines are built for in advance: larger ones are built on first use."""

PICTURE, TEXT, SOUND = "picture", "text", "sound"
"""Roles of the graphs."""


@dataclass
class Parts:
    """Graphs by role, sections of model.yaml, and files of the folder by name."""

    graphs: dict[str, Fill] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    lengths: dict[str, Lengths] = field(default_factory=lambda: {"pictures": BATCH, "texts": BATCH, "windows": BATCH})
    convolutional: bool = False
    """Whether the picture graph consists of convolutions, which exist in fp32 only."""


def joined(*all_parts: Parts) -> Parts:
    """The graphs of several parts in one folder, whose details and files must not collide."""
    whole = Parts()
    for parts in all_parts:
        for ours, theirs in ((whole.graphs, parts.graphs), (whole.details, parts.details), (whole.files, parts.files)):
            if common := set(ours) & set(theirs):
                raise ValueError(f"{sorted(common)} in several parts of an encoder")
            ours.update(theirs)  # type: ignore[arg-type]
        whole.lengths.update(parts.lengths)
        whole.convolutional |= parts.convolutional
    return whole


def output_embedding(g: GraphBuilder, value: str, axis: str, length: int, *, normalised: bool) -> None:
    """Makes `value` [axis, length] the output `embedding`; `normalised` if the model's own code divides it by its
    length."""
    if normalised:
        value = g.node("LpNormalization", value, axis=-1, p=2)
    g.output("embedding", value, "float32", [axis, length])


def output_probabilities(g: GraphBuilder, logits: str, classes: int) -> None:
    """Makes the softmax of `logits` [pictures, classes] the output `probabilities`."""
    g.output("probabilities", g.node("Softmax", logits, axis=-1), "float32", ["pictures", classes])


def pixel_input(g: GraphBuilder, width: int, height: int) -> str:
    return g.input("pixel_values", "float32", ["pictures", 3, height, width])


def class_names(names: list[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The section of model.yaml and the file with the names of the classes."""
    text = "".join(f"{' '.join(name.split())}\n" for name in names)
    return {"classes": "classes.txt"}, {"classes.txt": text.encode()}
