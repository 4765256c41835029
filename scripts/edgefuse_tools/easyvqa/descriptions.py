"""What people write beside a picture of one shape: the caption, other forms of it, or only the shape or the colour."""

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


class Told(enum.Enum):
    """What of a picture a description tells."""

    BOTH = "both"
    SHAPE = "shape"
    COLOR = "color"


def describe(rng: np.random.Generator, shape: int, color: int, told: Told) -> str:
    """A description of a picture of shape and colour (indices into ``SHAPES``, ``COLOR_NAMES``) in some form and spelling."""
    thing = {
        Told.BOTH: f"{COLOR_NAMES[color]} {SHAPES[shape]}",
        Told.SHAPE: SHAPES[shape],
        Told.COLOR: f"{COLOR_NAMES[color]} shape",
    }[told]
    return vary(rng, str(rng.choice(_FORMS)).format(thing=thing))


def misdescribe(rng: np.random.Generator, shape: int, color: int, told: Told) -> str:
    """A description of another picture that tells as much; the likely mistakes, one of the two being right, are most of them."""
    mistaken = told
    if told is Told.BOTH:
        mistaken = Told(str(rng.choice([sort.value for sort in Told])))
    if mistaken is not Told.COLOR:
        shape = (shape + int(rng.integers(1, len(SHAPES)))) % len(SHAPES)
    if mistaken is not Told.SHAPE:
        color = (color + int(rng.integers(1, len(COLOR_NAMES)))) % len(COLOR_NAMES)
    return describe(rng, shape, color, told)
