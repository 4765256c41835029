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


def revealed(text: str, answer: str, names: tuple[str, ...]) -> str | None:
    """Which of ``names`` (shapes or colours) a question and its answer reveal, if any.

    The answer names it; or the question presupposes it ("what color is the circle?"); or the question is
    answered with yes and contains no negation.
    """
    if answer in names:
        return answer
    for name in names:
        if text in (f"what is the {name} shape?", f"what color is the {name}?"):
            return name
    words = text.rstrip("?").split()
    if answer == "yes" and "not" not in words and "no" not in words:
        return next((name for name in names if name in words), None)
    return None
