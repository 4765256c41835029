"""The features of a manifest's records, computed once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from edgefuse_tools.distill import media
from edgefuse_tools.distill.encoder import Encoder, Features
from edgefuse_tools.distill.manifest import Manifest, ManifestError, Record

_KEPT_EVERY = 500  # new vectors

#: By modality: one vector per record, None for records without it.
Vectors = Mapping[str, list["np.ndarray | None"]]


def features_of(
    manifest: Manifest, encoders: Mapping[str, Encoder], cache: Path, threads: int, report: Callable[[str], None]
) -> Vectors:
    """The features of every record. ``cache``: folder with a file for each encoder, by its digest; its vectors are found
    by the content of a picture or sound, or by the text.

    Raises ManifestError if files cannot be used.
    """
    problems: list[str] = []
    found = {}
    for modality, encoder in encoders.items():
        known = _Known(cache / f"{modality}-{encoder.digest}.npz")
        loaded: Features | None = None
        vectors: list[np.ndarray | None] = []
        before = len(known.vectors)
        for record in manifest.records:
            if not record.has(modality):
                vectors.append(None)
                continue
            key = _key(record, modality)
            if key not in known.vectors:
                loaded = loaded or encoder.open(threads)
                try:
                    known.keep(key, _computed(loaded, record, modality))
                except media.MediaError as error:
                    shown = getattr(record, modality)
                    problems.append(f"{manifest.path}:{record.line}: `{modality}`: {shown} {error}")
            vectors.append(known.vectors.get(key))
        known.save()
        report(f"{modality}: {len(known.vectors) - before} computed by {encoder.folder}, the others known")
        found[modality] = vectors
    if problems:
        raise ManifestError(problems)
    return found


def _key(record: Record, modality: str) -> str:
    value = getattr(record, modality)
    return hashlib.sha256(value.read_bytes() if isinstance(value, Path) else value.strip().encode()).hexdigest()


def _computed(features: Features, record: Record, modality: str) -> np.ndarray:
    if modality == "image" and record.image is not None:
        return features.picture(record.image)
    if modality == "audio" and record.audio is not None:
        return features.sound(record.audio)
    assert record.text is not None
    return features.text(record.text.strip())


class _Known:
    """The vectors in a file, by key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = 0
        self.vectors: dict[str, np.ndarray] = {}
        if path.is_file():
            with np.load(path) as kept:
                self.vectors = dict(zip(kept["keys"].tolist(), kept["vectors"]))

    def keep(self, key: str, vector: np.ndarray) -> None:
        self.vectors[key] = vector
        self._new += 1
        if self._new >= _KEPT_EVERY:
            self.save()

    def save(self) -> None:
        """Writes the file, completely or not at all."""
        if not self._new:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        building = self._path.with_name(f".{self._path.name}")
        with building.open("wb") as out:
            np.savez(out, keys=np.array(list(self.vectors)), vectors=np.stack(list(self.vectors.values())))
        building.replace(self._path)
        self._new = 0
