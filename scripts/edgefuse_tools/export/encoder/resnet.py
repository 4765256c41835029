"""ResNet, Wide ResNet and ResNeXt: state dicts of torchvision or timm. The embedding is the mean of the last stage.

Reference: torchvision, models/resnet.py (stride in the 3 x 3 convolution of a bottleneck).
"""

from __future__ import annotations

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.encoder.parts import pixel_input
from edgefuse_tools.export.encoder.preprocessing import Preprocessing
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.convolution import Convolution, Picture, added, convolution, padded, pooled, relu
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.linear import linear
from edgefuse_tools.export.graphs.section import Section

STAGES = 4


def recognised(checkpoint: Checkpoint) -> bool:
    return "layer1.0.conv1.weight" in checkpoint and "fc.weight" in checkpoint or "layer4.0.conv1.weight" in checkpoint


def preprocessing(checkpoint: Checkpoint) -> Preprocessing:
    """That of torchvision's first weights; newer ones and timm's were trained with others."""
    return Preprocessing(side=224, shorter_side=256)


def classes(checkpoint: Checkpoint) -> int:
    return len(checkpoint.raw("fc.bias")) if "fc.bias" in checkpoint else 0


def picture_features(g: GraphBuilder, checkpoint: Checkpoint, side: int) -> tuple[str, int]:
    w = Section(checkpoint)
    if "conv1.weight" not in checkpoint:
        raise ExportError(f"{checkpoint.folder}: a ResNet with a deep stem is not supported, only one with `conv1`")
    x = relu(g, convolution(g, w, Picture(pixel_input(g, side, side), 3, side), Convolution("conv1", "bn1", 2)))
    halved, _ = padded(x.side, 3, 2, same=False)
    x = Picture(g.node("MaxPool", x.value, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]), x.channels, halved)
    for stage in range(1, STAGES + 1):
        number = 0
        while f"layer{stage}.{number}.conv1.weight" in checkpoint:
            x = _block(g, w.under(f"layer{stage}.{number}"), x, 2 if stage > 1 and number == 0 else 1)
            number += 1
    return pooled(g, x), x.channels


def logits(g: GraphBuilder, checkpoint: Checkpoint, features: str, length: int) -> str:
    w, count = Section(checkpoint), classes(checkpoint)
    return linear(g, features, "fc", w.tensor("fc.weight", count, length), w.tensor("fc.bias", count))


def _block(g: GraphBuilder, w: Section, x: Picture, stride: int) -> Picture:
    for part in ("se.fc1.weight", "downsample.2.weight", "bn1.bias"):
        if (part in w) != (part == "bn1.bias"):
            raise ExportError(f"{w.checkpoint.folder}: {w.name(part)}: a variant of ResNet that is not supported")
    bottleneck = "conv3.weight" in w
    strides = (1, stride, 1) if bottleneck else (stride, 1)
    y = x
    for place, own in enumerate(strides, 1):
        y = convolution(g, w, y, Convolution(f"conv{place}", f"bn{place}", own))
        if place < len(strides):
            y = relu(g, y)
    if "downsample.0.weight" in w:
        x = convolution(g, w, x, Convolution("downsample.0", "downsample.1", stride))
    return relu(g, added(g, y, x))
