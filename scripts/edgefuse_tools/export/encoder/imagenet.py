"""The 1,000 classes of ImageNet (ILSVRC 2012), in the order of classifiers, with their entries in WordNet 3.0.

`imagenet-1k.tsv` is made by scripts/dev.py make_imagenet_classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("imagenet-1k.tsv")


@dataclass(frozen=True)
class Concept:
    """A class: a noun of WordNet."""

    synset: str
    """`n` and WordNet's offset."""
    name: str
    """Unique among the classes."""
    lemmas: list[str]
    """Words for it."""
    kinds: list[str]
    """What it is a kind of, nearest first."""
    gloss: str
    """WordNet's definition."""


@cache
def imagenet() -> list[Concept]:
    """All classes."""
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [Concept(row[0], row[1], row[2].split("|"), row[3].split("|"), row[4]) for row in rows]
