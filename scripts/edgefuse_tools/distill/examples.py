"""Records as arrays, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from edgefuse_tools.distill import media
from edgefuse_tools.distill.features import Vectors
from edgefuse_tools.distill.manifest import Manifest, ManifestError, Record
from edgefuse_tools.distill.words import words_of
from edgefuse_tools.student.augment import augment
from edgefuse_tools.student.forms import Embedding, Form, Picture, Readings, Sensor, Sound, Words
from edgefuse_tools.student.log_mel import ABSENT_FRAME, MELS
from edgefuse_tools.student.speech import pad

_NOISE = 0.1  # added to normalised pixels in training
_JITTER = 0.05  # added to normalised readings, and to features relative to their spread, in training
_FOR_STATISTICS = 2000  # pictures


@dataclass(frozen=True)
class Batch:
    """A model's inputs by role, and its targets.

    labels: [batch] int64, -1 for none; taught: [batch, labels] float32, the teacher's log-probabilities, rows of NaN
    for none
    """

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    taught: torch.Tensor


class Examples:
    """A manifest's records, read once and kept in memory (a picture of 64 x 64: 12 KB; a second of sound: 16 KB)."""

    def __init__(
        self, manifest: Manifest, side: int, report: Callable[[str], None], vectors: Vectors | None = None
    ) -> None:
        """``vectors``: encoders' features, by modality; they replace pictures, texts and sounds.

        Raises ManifestError if files cannot be used.
        """
        self.vectors: Vectors = vectors or {}
        self.records: Sequence[Record] = manifest.records
        self.sensors = manifest.sensors
        self.modalities = manifest.modalities()
        problems: list[str] = []

        def read(record: Record, key: str, load: Callable[[Path], np.ndarray]) -> np.ndarray | None:
            path: Path | None = getattr(record, key)
            if path is None or key in self.vectors:
                return None
            try:
                return load(path)
            except media.MediaError as error:
                problems.append(f"{manifest.path}:{record.line}: `{key}`: {path} {error}")
                return None

        self.images, self.sounds = [], []
        for index, record in enumerate(self.records):
            self.images.append(read(record, "image", partial(media.picture, side=side)))
            self.sounds.append(read(record, "audio", media.frames))
            if index % 2000 == 1999:
                report(f"read {index + 1} of {len(self.records)} records")
        if problems:
            raise ManifestError(problems)
        self.labels = np.array(
            [-1 if record.label is None else record.label for record in self.records], dtype=np.int64
        )
        present = [[record.has(name) for name in self.modalities] for record in self.records]
        self.presence = np.array(present, dtype=np.float32)


class Feed:
    """Builds batches of examples in a model's forms."""

    def __init__(self, forms: dict[str, Form], labels: int) -> None:
        self._forms = forms
        self._labels = labels

    def batch(
        self,
        examples: Examples,
        rows: np.ndarray,
        presence: np.ndarray,
        taught: np.ndarray | None,
        rng: np.random.Generator | None = None,
    ) -> Batch:
        """The ``rows`` of ``examples`` with the modalities of ``presence`` [rows, modalities]; augmented if ``rng`` is
        given."""
        inputs: dict[str, torch.Tensor] = {}
        for index, (name, form) in enumerate(self._forms.items()):
            there = presence[:, index] > 0
            inputs |= self._input(name, form, examples, rows, there, rng)
        inputs["presence"] = torch.from_numpy(presence.astype(np.float32))
        known = np.full((len(rows), self._labels), np.nan, dtype=np.float32) if taught is None else taught[rows]
        return Batch(inputs, torch.from_numpy(examples.labels[rows]), torch.from_numpy(known))

    def _input(
        self,
        name: str,
        form: Form,
        examples: Examples,
        rows: np.ndarray,
        there: np.ndarray,
        rng: np.random.Generator | None,
    ) -> dict[str, torch.Tensor]:
        if isinstance(form, Embedding):
            return {f"{name}_embedding": self._vectors(name, form, examples, rows, there, rng)}
        if isinstance(form, Picture):
            return {name: self._pictures(form, examples, rows, there, rng)}
        if isinstance(form, Words):
            return self._texts(form, examples, rows, there)
        if isinstance(form, Sound):
            return {"log_mel": self._sounds(examples, rows, there, rng)}
        if isinstance(form, Readings):
            return {name: self._readings(form, examples, rows, there, rng)}
        raise TypeError(f"no examples for {form}")

    def _vectors(
        self,
        name: str,
        form: Embedding,
        examples: Examples,
        rows: np.ndarray,
        there: np.ndarray,
        rng: np.random.Generator | None,
    ) -> torch.Tensor:
        values = np.zeros((len(rows), form.length), dtype=np.float32)
        for place, row in enumerate(rows):
            if there[place]:
                values[place] = examples.vectors[name][row]
        if rng is not None:
            # Features of different encoders have different scales.
            spread = np.float32(_JITTER) * values[there].std() if there.any() else np.float32(0.0)
            values += rng.standard_normal(values.shape, dtype=np.float32) * spread
        return torch.from_numpy(values)

    def _pictures(
        self, form: Picture, examples: Examples, rows: np.ndarray, there: np.ndarray, rng: np.random.Generator | None
    ) -> torch.Tensor:
        pixels = np.zeros((len(rows), form.height, form.width, 3), dtype=np.float32)
        for place, row in enumerate(rows):
            if there[place]:
                pixels[place] = (
                    examples.images[row] / np.float32(255.0) - np.asarray(form.mean, np.float32)
                ) / np.asarray(form.std, np.float32)
        if rng is not None:
            pixels += rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(_NOISE)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))

    def _texts(self, form: Words, examples: Examples, rows: np.ndarray, there: np.ndarray) -> dict[str, torch.Tensor]:
        encoded = [
            form.tokenizer.encode(examples.records[row].text.strip()).ids[: form.max_tokens] if shown else [form.pad]
            for row, shown in zip(rows, there)
        ]
        longest = max(map(len, encoded))
        ids = np.full((len(rows), longest), form.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(encoded):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}

    def _sounds(
        self, examples: Examples, rows: np.ndarray, there: np.ndarray, rng: np.random.Generator | None
    ) -> torch.Tensor:
        absent = np.full((8, MELS), ABSENT_FRAME, dtype=np.float32)
        heard = [examples.sounds[row].astype(np.float32) if shown else absent for row, shown in zip(rows, there)]
        if rng is not None:
            heard = [augment(rng, frames) if shown else frames for frames, shown in zip(heard, there)]
        return torch.from_numpy(pad(heard))

    def _readings(
        self, form: Readings, examples: Examples, rows: np.ndarray, there: np.ndarray, rng: np.random.Generator | None
    ) -> torch.Tensor:
        mean = np.array([sensor.mean for sensor in form.sensors])
        std = np.array([sensor.std for sensor in form.sensors])
        values = np.zeros((len(rows), len(form.sensors)), dtype=np.float32)
        for place, row in enumerate(rows):
            if there[place]:
                values[place] = (np.array(examples.records[row].sensors) - mean) / std
        if rng is not None:
            values += rng.standard_normal(values.shape, dtype=np.float32) * np.float32(_JITTER)
        return torch.from_numpy(values)


def forms_of(
    examples: Examples, side: int, units: dict[str, str], encoded: Mapping[str, Embedding] | None = None
) -> dict[str, Form]:
    """The forms that fit the training ``examples``, whose statistics normalise the inputs. ``encoded``: those of the
    modalities that encoders see in the student's place."""
    forms: dict[str, Form] = {}
    for name in examples.modalities:
        if encoded is not None and name in encoded:
            forms[name] = encoded[name]
        elif name == "image":
            some = [image for image in examples.images if image is not None][:_FOR_STATISTICS]
            pixels = np.stack(some).reshape(-1, 3) / 255.0
            mean, std = pixels.mean(axis=0), np.maximum(pixels.std(axis=0), 0.01)
            forms[name] = Picture(side, side, [round(float(it), 4) for it in mean], [round(float(it), 4) for it in std])
        elif name == "text":
            forms[name] = words_of(record.text for record in examples.records if record.text is not None)
        elif name == "audio":
            forms[name] = Sound(media.LONGEST)
        else:
            readings = np.array([record.sensors for record in examples.records if record.sensors is not None])
            mean, std = readings.mean(axis=0), readings.std(axis=0)
            statistics = zip(examples.sensors, mean, np.where(std > 1e-6 * np.maximum(1.0, np.abs(mean)), std, 1.0))
            forms[name] = Readings(tuple(Sensor(it, units.get(it, ""), float(m), float(s)) for it, m, s in statistics))
    return forms
