"""Descriptions of a picture of one shape: the caption, variants of it, or only the shape or the colour."""

from __future__ import annotations

import enum

import numpy as np

from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES
from edgefuse_tools.easyvqa.questions import vary

_FORMS = (
    "a {thing}",
    "a {thing}",  # the caption, as often as all others
    "a {thing}",
    "a {thing}",
    "{thing}",
    "the {thing}",
    "an image of a {thing}",
    "there is a {thing} in the image",
)


class Content(enum.Enum):
    """Which properties a description names."""

    BOTH = "both"
    SHAPE = "shape"
    COLOR = "color"


def describe(rng: np.random.Generator, shape: int, color: int, content: Content) -> str:
    """A description of a picture by shape and colour (indices into ``SHAPES``, ``COLOR_NAMES``), in a random form and
    spelling."""
    thing = {
        Content.BOTH: f"{COLOR_NAMES[color]} {SHAPES[shape]}",
        Content.SHAPE: SHAPES[shape],
        Content.COLOR: f"{COLOR_NAMES[color]} shape",
    }[content]
    return vary(rng, str(rng.choice(_FORMS)).format(thing=thing))


def misdescribe(rng: np.random.Generator, shape: int, color: int, content: Content) -> str:
    """A wrong description with the same content, usually a likely mistake: one of the two properties is right."""
    mistaken = content
    if content is Content.BOTH:
        mistaken = Content(str(rng.choice([sort.value for sort in Content])))
    if mistaken is not Content.COLOR:
        shape = (shape + int(rng.integers(1, len(SHAPES)))) % len(SHAPES)
    if mistaken is not Content.SHAPE:
        color = (color + int(rng.integers(1, len(COLOR_NAMES)))) % len(COLOR_NAMES)
    return describe(rng, shape, color, content)
