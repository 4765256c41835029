"""Classifiers of pictures whose checkpoint is a bare state dict, recognised by the names of their tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.encoder import efficientnet, resnet
from edgefuse_tools.export.encoder.imagenet import imagenet
from edgefuse_tools.export.encoder.parts import PICTURE, Parts, class_names, output_embedding, output_probabilities
from edgefuse_tools.export.encoder.preprocessing import Preprocessing
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import GraphBuilder


class Classifier(Protocol):
    """A module that builds the graph of one architecture."""

    def recognised(self, checkpoint: Checkpoint) -> bool:
        """Whether the names of the tensors are those of the architecture."""

    def preprocessing(self, checkpoint: Checkpoint) -> Preprocessing:
        """What the reference does to pictures, unless the user says otherwise."""

    def classes(self, checkpoint: Checkpoint) -> int:
        """Number of classes; 0 without a classifying layer."""

    def picture_features(self, g: GraphBuilder, checkpoint: Checkpoint, side: int) -> tuple[str, int]:
        """The features [pictures, length] of the input `pixel_values`, and their length."""

    def logits(self, g: GraphBuilder, checkpoint: Checkpoint, features: str, length: int) -> str:
        """The classifying layer [pictures, classes] over the features."""


ARCHITECTURES: dict[str, Classifier] = {"EfficientNet-Lite": efficientnet, "ResNet": resnet}


@dataclass(frozen=True)
class Choices:
    """What the command line says instead of the checkpoint."""

    classes: Path | None = None
    """File with the names of the classes, one per line."""
    side: int | None = None
    shorter_side: int | None = None
    resample: str | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None

    def applied(self, usual: Preprocessing) -> Preprocessing:
        """`usual` with the chosen values. Mean and deviation are those of samples in [0, 1]."""
        chosen = replace(
            usual,
            side=self.side or usual.side,
            shorter_side=self.shorter_side or (max(usual.shorter_side or 0, self.side or 0) or None),
            resample=self.resample or usual.resample,
        )
        if self.mean is None and self.std is None:
            return chosen
        if self.mean is None or self.std is None:
            raise ExportError("--mean and --std belong together")
        return replace(chosen, rescale=1 / 255, mean=tuple(self.mean), std=tuple(self.std))


def architecture(checkpoint: Checkpoint) -> Classifier:
    """The module of the architecture."""
    for module in ARCHITECTURES.values():
        if module.recognised(checkpoint):
            return module
    raise ExportError(f"{checkpoint.folder}: not a state dict of {', '.join(ARCHITECTURES)}")


def read_classifier(checkpoint: Checkpoint, choices: Choices) -> Parts:
    """The picture graph of a classifier."""
    module = architecture(checkpoint)
    preprocessing = choices.applied(module.preprocessing(checkpoint))
    parts = Parts(
        graphs={PICTURE: partial(picture_graph, module=module, checkpoint=checkpoint, side=preprocessing.side)},
        details={"image": preprocessing.section()},
        convolutional=True,
    )
    if count := module.classes(checkpoint):
        details, files = class_names(names(checkpoint, count, choices.classes))
        parts.details.update(details)
        parts.files.update(files)
    return parts


def picture_graph(g: GraphBuilder, module: Classifier, checkpoint: Checkpoint, side: int) -> None:
    """`picture`: pixels to `embedding`, and `probabilities` if there are classes."""
    features, length = module.picture_features(g, checkpoint, side)
    output_embedding(g, features, "pictures", length, normalised=False)
    if count := module.classes(checkpoint):
        output_probabilities(g, module.logits(g, checkpoint, features, length), count)


def names(checkpoint: Checkpoint, count: int, file: Path | None) -> list[str]:
    """The names of `count` classes: those in `file`, or ImageNet's."""
    if file is None:
        if count != len(imagenet()):
            raise ExportError(
                f"{checkpoint.folder}: has {count} classes, not the {len(imagenet())} of ImageNet; name them with --classes"
            )
        return [concept.name for concept in imagenet()]
    lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    if len(lines) != count or not all(lines):
        raise ExportError(f"{file}: must have {count} lines, the name of a class in each; it has {len(lines)}")
    return lines
