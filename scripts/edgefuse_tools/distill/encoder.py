"""Encoders of a student: their model folders, and the features that they compute, as in the runtime.

The runtime computes the same features when the student is used (`made_by` in its model.yaml), so preprocessing and
graph are those of the folder: see src/media/image, src/models/encoder.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from tokenizers import Tokenizer

from edgefuse_tools.distill import media
from edgefuse_tools.ort_session import Session, open_session
from edgefuse_tools.student.forms import Embedding
from edgefuse_tools.student.log_mel import HOP, MELS, SAMPLE_RATE, WINDOW, log_mel

#: The graph of an encoder for each modality of a student.
ROLES = {"image": "picture", "text": "text", "audio": "sound"}
_PRECISION = "fp32"
_DIGITS = 16  # of SHA-256, by which a student knows its encoder's weights (WEIGHTS_DIGITS in the runtime)
_SPECTROGRAM = {"sample_rate": SAMPLE_RATE, "n_fft": WINDOW, "hop_length": HOP, "n_mels": MELS}


class EncoderError(Exception):
    """A folder that cannot be used as an encoder."""


@dataclass(frozen=True)
class Encoder:
    """A folder of the kind ``encoder``, for one modality.

    digest: identifies folder and graph, for caches; length: of the features
    """

    folder: Path
    modality: str
    description: dict[str, Any]
    digest: str
    length: int

    @staticmethod
    def read(folder: Path, modality: str) -> Encoder:
        """Reads ``folder``.

        Raises EncoderError for a folder that is no encoder of the modality.
        """
        path, role = folder / "model.yaml", ROLES[modality]
        try:
            text = path.read_bytes()
            description = yaml.safe_load(text)
        except (OSError, yaml.YAMLError) as error:
            raise EncoderError(f"{path}: cannot be read: {error}".replace("\n", " ")) from None
        kind = description.get("kind") if isinstance(description, dict) else None
        if kind != "encoder":
            raise EncoderError(f"{folder}: a model of kind `{kind}`; features come from an encoder")
        graph = description["graphs"].get(role)
        if graph is None or _PRECISION not in graph["files"]:
            others = ", ".join(description["graphs"])
            raise EncoderError(
                f"{folder}: no graph `{role}` in {_PRECISION}, which encodes {modality}; it has {others}"
            )
        if modality == "audio" and any(description["audio"][key] != value for key, value in _SPECTROGRAM.items()):
            raise EncoderError(
                f"{folder}: its spectrogram is not Whisper's with {MELS} bands, the only one supported here"
            )
        # model.yaml lists the hash of every file.
        digest = hashlib.sha256(text + role.encode()).hexdigest()[:_DIGITS]
        return Encoder(folder, modality, description, digest, int(graph["outputs"]["embedding"]["shape"][1]))

    def form(self, student: Path) -> Embedding:
        """The student's input; ``student``: its folder, which need not exist yet."""
        path = Path(os.path.relpath(os.path.abspath(self.folder), os.path.abspath(student))).as_posix()
        return Embedding(self.length, path if path.startswith("..") else f"./{path}", self.weights())

    def weights(self) -> dict[str, str]:
        """What identifies the weights, by precision."""
        files, graph = self.description["files"], self._graph()
        named = {
            precision: graph.get("weights", {}).get(precision, f"{file}.data")
            for precision, file in graph["files"].items()
        }
        return {
            precision: str(files[data if data in files else graph["files"][precision]]["sha256"])[:_DIGITS].lower()
            for precision, data in named.items()
        }

    def open(self, threads: int) -> Features:
        """Loads graph and tokenizer."""
        session = open_session(self.folder / self._graph()["files"][_PRECISION], threads=threads)
        tokenizer = None
        if self.modality == "text":
            tokenizer = Tokenizer.from_file(str(self.folder / self.description["tokenizer"]))
            # Limits and padding are model.yaml's.
            tokenizer.no_truncation()
            tokenizer.no_padding()
        return Features(self, session, tokenizer)

    def _graph(self) -> dict[str, Any]:
        graph: dict[str, Any] = self.description["graphs"][ROLES[self.modality]]
        return graph


class Features:
    """A loaded encoder. One input at a time, as in the runtime; vectors are not brought to length 1."""

    def __init__(self, encoder: Encoder, session: Session, tokenizer: Tokenizer | None) -> None:
        self._encoder = encoder
        self._session = session
        self._tokenizer = tokenizer
        graph = encoder.description["graphs"][ROLES[encoder.modality]]
        self._inputs = {role: tensor["name"] for role, tensor in graph["inputs"].items()}
        self._output = graph["outputs"]["embedding"]["name"]

    def picture(self, path: Path) -> np.ndarray:
        """[length] float32. Raises media.MediaError for a picture that cannot be used."""
        return self._run({"pixel_values": pixel_values(media.opened(path), self._encoder.description["image"])[None]})

    def text(self, text: str) -> np.ndarray:
        """[length] float32. Raises media.MediaError for a text that is too long."""
        limits = self._encoder.description["text"]
        assert self._tokenizer is not None
        ids = self._tokenizer.encode(limits.get("passage_prefix", "") + text.strip()).ids
        most = int(limits["max_tokens"])
        if len(ids) > most:
            raise media.MediaError(f"has {len(ids)} tokens; the encoder accepts up to {most}")
        more = most - len(ids) if limits.get("fixed_length") else 0
        fed = {"input_ids": np.array([ids + [limits["pad"]] * more], dtype=np.int64)}
        if "attention_mask" in self._inputs:
            fed["attention_mask"] = np.array([[1] * len(ids) + [0] * more], dtype=np.int64)
        return self._run(fed)

    def sound(self, path: Path) -> np.ndarray:
        """[length] float32. Raises media.MediaError for a sound that cannot be used."""
        samples, most = media.samples(path), int(self._encoder.description["audio"]["chunk_seconds"]) * SAMPLE_RATE
        if not 0 < len(samples) <= most:
            raise media.MediaError(
                f"lasts {len(samples) / SAMPLE_RATE:.1f} s; the encoder accepts up to {most // SAMPLE_RATE} s"
            )
        fed = {"log_mel": log_mel(np.pad(samples, (0, most - len(samples))))[None]}
        if "frames" in self._inputs:
            fed["frames"] = np.array([-(-len(samples) // HOP)], dtype=np.int64)
        return self._run(fed)

    def _run(self, fed: dict[str, np.ndarray]) -> np.ndarray:
        given = {self._inputs[role]: value for role, value in fed.items()}
        vector: np.ndarray = np.asarray(self._session.run([self._output], given)[0])[0].astype(np.float32)
        return vector


def pixel_values(image: Image.Image, settings: dict[str, Any]) -> np.ndarray:
    """[3, height, width] float32 of an RGB picture, as `image` in model.yaml says."""
    width, height, crop = settings["width"], settings["height"], settings.get("crop")
    resample = Image.Resampling[settings["resample"].upper()]
    if crop is None:
        resized = image.resize((width, height), resample)
    else:
        shorter = min(image.size)
        whole = [crop["shorter_side"] * side // shorter for side in image.size]
        left, top = (_first(*sides, crop.get("rounding", "down")) for sides in zip(whole, (width, height)))
        resized = image.resize((whole[0], whole[1]), resample).crop((left, top, left + width, top + height))
    mean, std = (np.asarray(settings[key], np.float32) for key in ("mean", "std"))
    values = (np.asarray(resized, dtype=np.float32) * np.float32(settings["rescale"]) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32)


def _first(whole: int, part: int, rounding: str) -> int:
    """The first row or column of the centre."""
    beside = max(0, whole - part)
    half = beside // 2
    return half + half % 2 if rounding == "even" and beside % 2 else half
