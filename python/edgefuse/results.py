"""Results of records and of single steps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


class Result(dict[str, Any]):
    """The result of a record: the dictionary that ``edgefuse run`` writes as a line of JSON.

    It has ``id`` and, for each step that had its input, the step's key with its value, or with an ``error``.
    """

    @property
    def id(self) -> str:
        """Name of the record."""
        return str(self["id"])

    @property
    def errors(self) -> list[str]:
        """Why the record, or some of its steps, failed; empty if none did."""
        steps = [value["error"] for value in self.values() if isinstance(value, dict) and "error" in value]
        whole = [self["error"]] if "error" in self else []
        return list(dict.fromkeys(whole + steps))

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.errors

    @property
    def warnings(self) -> list[str]:
        """What was left out, cut off, substituted or guessed, one line each."""
        return list(self.get("warnings", []))

    def json(self) -> str:
        """The line that ``edgefuse run`` writes."""
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @property
    def text(self) -> str | None:
        """The transcript, or else the caption, the answer or the reply: the first that the record has."""
        for key in ("transcript", "caption", "answer", "reply"):
            value = self.get(key)
            if isinstance(value, dict) and "text" in value:
                return str(value["text"])
        return None


@dataclass(frozen=True)
class Caption:
    """A caption, and alternatives if several were asked for."""

    text: str
    #: Natural logarithm of its probability; ``None`` from an endpoint.
    log_probability: float | None
    #: All captions with ``text``, ``log_probability`` and ``score``, best first.
    captions: list[dict[str, Any]]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Answer:
    """An answer to a question about a picture."""

    question: str
    text: str
    #: Probability of exactly this answer, in [0, 1]; ``None`` from an endpoint.
    confidence: float | None
    #: The candidates with ``text``, ``log_probability`` and ``probability``, best first; empty if there were none.
    answers: list[dict[str, Any]]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Match:
    """How well one text fits a picture."""

    text: str
    #: Probability that they belong together, in [0, 1]; ``None`` if the model has no matching head.
    probability: float | None
    #: Cosine similarity in [-1, 1]; ``None`` if the model has no embeddings.
    similarity: float | None


@dataclass(frozen=True)
class Decision:
    """A student's decision."""

    label: str
    #: Probability of the label, in [0, 1].
    confidence: float
    #: Probability of every label, most probable first.
    probabilities: dict[str, float]
    #: The inputs that it is based on.
    modalities: list[str]

    def __str__(self) -> str:
        return self.label
