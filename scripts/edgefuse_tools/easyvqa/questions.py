"""Questions about a picture, from the templates of easy-VQA, with their true answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES

_ABOUT_SHAPE = (
    "what shape is in the image?",
    "what shape is present?",
    "what shape does the image contain?",
    "what is the {color} shape?",
)
_ABOUT_COLOR = (
    "what color is the {shape}?",
    "what is the color of the {shape}?",
    "what color is the shape?",
    "what is the color of the shape?",
)
_IS_THERE = (
    "is there a {thing}?",
    "is there a {thing} in the image?",
    "does the image contain a {thing}?",
    "is a {thing} present?",
)
_IS_THERE_NOT = (
    "is there not a {thing}?",
    "is there not a {thing} in the image?",
    "does the image not contain a {thing}?",
    "is no {thing} present?",
)


@dataclass(frozen=True)
class Mix:
    """Shares of the kinds of questions.

    there: share of the yes/no questions that name what is in the picture
    denied: share of the yes/no questions with a negation
    kinds: shares of questions about shape, colour, a shape's presence, a colour's presence
    """

    there: float
    denied: float
    kinds: tuple[float, float, float, float] = (0.2, 0.15, 0.35, 0.3)


#: First stage. Half of the named things are in the picture, and negations are few: if they were half as well, neither
#: alone would say anything about the answer, and training would not get beyond guessing.
EASY = Mix(there=0.5, denied=0.3)
#: Later stages. As many negations as in the data set, and more things that are not in the picture.
HARD = Mix(there=0.33, denied=0.5)


@dataclass(frozen=True)
class Question:
    """A question and its answer, one of ``labels.ANSWERS``."""

    text: str
    answer: str


def sample(rng: np.random.Generator, shape: str, color: str, mix: Mix) -> Question:
    """One question about a picture of a ``color`` ``shape``."""
    kind = int(rng.choice(4, p=mix.kinds))
    if kind == 0:
        return Question(_pick(rng, _ABOUT_SHAPE).format(color=color), shape)
    if kind == 1:
        return Question(_pick(rng, _ABOUT_COLOR).format(shape=shape), color)
    real, others, suffix = (shape, SHAPES, "") if kind == 2 else (color, COLOR_NAMES, " shape")
    truly_there = rng.random() < mix.there
    named = real if truly_there else _pick(rng, tuple(name for name in others if name != real))
    negated = rng.random() < mix.denied
    text = _pick(rng, _IS_THERE_NOT if negated else _IS_THERE).format(thing=named + suffix)
    return Question(text, "yes" if truly_there != negated else "no")


def vary(rng: np.random.Generator, text: str) -> str:
    """A variant of the question as people write or say it: other spellings, no question mark, "picture"."""
    for word, other in (("color", "colour"), ("gray", "grey"), ("image", "picture")):
        if rng.random() < 0.1:
            text = text.replace(word, other)
    if rng.random() < 0.1:
        text = text.replace("?", rng.choice(["", ".", " ?"]))
    return text


def every_text() -> list[str]:
    """Every question of the templates, each once, in a fixed order."""
    texts = [template.format(color=color) for template in _ABOUT_SHAPE for color in COLOR_NAMES]
    texts += [template.format(shape=shape) for template in _ABOUT_COLOR for shape in SHAPES]
    things = [*SHAPES, *(f"{color} shape" for color in COLOR_NAMES)]
    texts += [template.format(thing=thing) for template in _IS_THERE + _IS_THERE_NOT for thing in things]
    return list(dict.fromkeys(texts))


def asks_about_color(text: str) -> bool:
    """Whether a question of the templates can be answered from the colour of the shape alone."""
    if text.startswith("what"):
        return "color" in text.split()
    return any(f"{color} shape" in text for color in COLOR_NAMES)


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]
