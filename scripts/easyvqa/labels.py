"""The closed world of easy-VQA: three shapes, eight colours, thirteen answers."""

from __future__ import annotations

SHAPES: tuple[str, ...] = ("rectangle", "circle", "triangle")

#: Colour name to the RGB value the data set's pictures are filled with.
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "brown": (165, 42, 42),
    "teal": (0, 128, 128),
}

#: The answers in the order of the data set's ``answers.txt``: the order of every label vector.
ANSWERS: tuple[str, ...] = (
    "circle",
    "green",
    "red",
    "gray",
    "yes",
    "teal",
    "black",
    "rectangle",
    "yellow",
    "triangle",
    "brown",
    "blue",
    "no",
)

COLOR_NAMES: tuple[str, ...] = tuple(COLORS)


def caption(shape: str, color: str) -> str:
    """The caption of a picture: ``a blue rectangle``."""
    return f"a {color} {shape}"
