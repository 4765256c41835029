"""Forms of a fusion model's modalities: the graph's inputs for each, and its description in ``model.yaml``.

A model's modalities are a mapping from ``image``, ``text``, ``audio`` or ``sensors`` to a form, in the order of the
columns of ``presence``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Union

from tokenizers import Tokenizer

from edgefuse_tools.student.log_mel import HOP, MELS, SAMPLE_RATE, WINDOW

Axis = Union[int, str]
TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class Port:
    """An input or output of a graph: its name, ``float32`` or ``int64``, and its shape."""

    name: str
    element: str
    shape: tuple[Axis, ...]

    def describe(self) -> dict[str, Any]:
        """Its entry in ``model.yaml``."""
        return {"name": self.name, "type": self.element, "shape": list(self.shape)}


class Form(Protocol):
    """Form of a modality."""

    def ports(self, modality: str) -> dict[str, Port]:
        """The graph's inputs by role."""
        ...

    def details(self, modality: str) -> dict[str, Any]:
        """Its keys in ``model.yaml``."""
        ...


@dataclass(frozen=True)
class Picture:
    """A picture resized to ``width`` x ``height`` pixels; each channel of 0..1 becomes ``(value - mean) / std``."""

    width: int
    height: int
    mean: Sequence[float]
    std: Sequence[float]

    def ports(self, modality: str) -> dict[str, Port]:
        return {modality: Port(modality, "float32", ("batch", 3, self.height, self.width))}

    def details(self, modality: str) -> dict[str, Any]:
        size = {"width": self.width, "height": self.height, "resample": "bicubic", "rescale": 1.0 / 255.0}
        return {modality: size | {"mean": list(self.mean), "std": list(self.std)}}


@dataclass(frozen=True)
class Embedding:
    """An embedding of the picture, the text or the sound, a vector of ``length`` numbers computed by another model.

    made_by: the path of its folder from the student's, starting with ``./`` or ``../``, or words that describe it
    weights: what identifies its weights, by precision; empty if unknown
    """

    length: int
    made_by: str
    weights: Mapping[str, str] = field(default_factory=dict)

    def ports(self, modality: str) -> dict[str, Port]:
        # The plain name is that of the graph's output for the modality.
        return {f"{modality}_embedding": Port(f"{modality}_embedding_in", "float32", ("batch", self.length))}

    def details(self, modality: str) -> dict[str, Any]:
        weights = {"weights": dict(self.weights)} if self.weights else {}
        return {f"{modality}_embedding": {"length": self.length, "made_by": self.made_by} | weights}


@dataclass(frozen=True)
class Words:
    """A text as tokens of ``tokenizer``, at most ``max_tokens``; ``pad`` fills up shorter texts."""

    tokenizer: Tokenizer
    max_tokens: int
    pad: int

    def ports(self, modality: str) -> dict[str, Port]:
        return {name: Port(name, "int64", ("batch", "tokens")) for name in ("input_ids", "attention_mask")}

    def details(self, modality: str) -> dict[str, Any]:
        return {"tokenizer": TOKENIZER_FILE, modality: {"max_tokens": self.max_tokens, "pad": self.pad}}


@dataclass(frozen=True)
class Sound:
    """A sound of at most ``chunk_seconds`` as Whisper's log-mel frames."""

    chunk_seconds: int = 30

    def ports(self, modality: str) -> dict[str, Port]:
        return {"log_mel": Port("log_mel", "float32", ("batch", MELS, "frames"))}

    def details(self, modality: str) -> dict[str, Any]:
        frames = {"sample_rate": SAMPLE_RATE, "n_fft": WINDOW, "hop_length": HOP, "n_mels": MELS}
        return {modality: frames | {"chunk_seconds": self.chunk_seconds}}


@dataclass(frozen=True)
class Sensor:
    """A sensor: the graph's input is ``(reading - mean) / std``."""

    name: str
    unit: str
    mean: float
    std: float


@dataclass(frozen=True)
class Readings:
    """One number per sensor."""

    sensors: tuple[Sensor, ...]

    def ports(self, modality: str) -> dict[str, Port]:
        return {modality: Port(modality, "float32", ("batch", len(self.sensors)))}

    def details(self, modality: str) -> dict[str, Any]:
        sensors = [{"name": it.name, "unit": it.unit, "mean": it.mean, "std": it.std} for it in self.sensors]
        return {modality: sensors}


@dataclass(frozen=True)
class Interface:
    """Inputs and outputs of a fusion model."""

    forms: Mapping[str, Form]
    labels: Sequence[str]
    hidden: int  # length of the embeddings

    def inputs(self) -> dict[str, Port]:
        """Inputs by role, ``presence`` last."""
        ports = {role: port for name, form in self.forms.items() for role, port in form.ports(name).items()}
        return ports | {"presence": Port("presence", "float32", ("batch", len(self.forms)))}

    def outputs(self) -> dict[str, Port]:
        """Outputs by role: the logits, the fused embedding, then one embedding per modality."""
        embeddings = ["embedding", *(f"{name}_embedding" for name in self.forms)]
        logits = Port("logits", "float32", ("batch", len(self.labels)))
        return {"logits": logits} | {name: Port(name, "float32", ("batch", self.hidden)) for name in embeddings}

    def details(self) -> dict[str, Any]:
        """The keys of ``model.yaml`` that are specific to students."""
        details: dict[str, Any] = {"modalities": list(self.forms), "labels": list(self.labels)}
        for name, form in self.forms.items():
            details |= form.details(name)
        return details

    def words(self) -> Words | None:
        """The form of the text, if it is words."""
        return next((form for form in self.forms.values() if isinstance(form, Words)), None)
