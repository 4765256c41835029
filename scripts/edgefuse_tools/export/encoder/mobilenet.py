"""MobileNetV3: state dicts of torchvision. The embedding is the mean of the last convolution.

Reference: torchvision, models/mobilenetv3.py.
"""

from __future__ import annotations

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, to_float32
from edgefuse_tools.export.encoder.parts import pixel_input
from edgefuse_tools.export.encoder.preprocessing import Preprocessing
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.convolution import Convolution, Picture, added, convolution, pooled, relu
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.linear import linear
from edgefuse_tools.export.graphs.section import Section

EPSILON = 1e-3

# Strides of the blocks, and the first block with hard-swish instead of ReLU.
LARGE = ((1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1), 6)
SMALL = ((2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1), 3)


def recognised(checkpoint: Checkpoint) -> bool:
    return "features.1.block.0.0.weight" in checkpoint and "features.4.block.2.fc1.weight" in checkpoint


def preprocessing(checkpoint: Checkpoint) -> Preprocessing:
    """That of torchvision's first weights."""
    return Preprocessing(side=224, shorter_side=256)


def classes(checkpoint: Checkpoint) -> int:
    return len(checkpoint.raw("classifier.3.bias")) if "classifier.3.bias" in checkpoint else 0


def picture_features(g: GraphBuilder, checkpoint: Checkpoint, side: int) -> tuple[str, int]:
    w = Section(checkpoint, "features.")
    blocks = sum(1 for name in checkpoint.names() if name.endswith("block.0.0.weight"))
    known = {len(strides): (strides, first) for strides, first in (LARGE, SMALL)}
    if blocks not in known:
        raise ExportError(
            f"{checkpoint.folder}: a MobileNetV3 of {blocks} blocks is neither the large nor the small one"
        )
    strides, first = known[blocks]
    x = _layer(g, w, Picture(pixel_input(g, side, side), 3, side), "0", 2, swish=True)
    for at, stride in enumerate(strides):
        x = _block(g, w.under(f"{at + 1}.block"), x, stride, swish=at >= first)
    x = _layer(g, w, x, str(blocks + 1), 1, swish=True)
    return pooled(g, x), x.channels


def logits(g: GraphBuilder, checkpoint: Checkpoint, features: str, length: int) -> str:
    w, count = Section(checkpoint, "classifier."), classes(checkpoint)
    wide = len(checkpoint.raw("classifier.0.bias"))
    x = linear(g, features, "classifier.0", w.tensor("0.weight", wide, length), w.tensor("0.bias", wide))
    x = g.node("HardSwish", x)
    return linear(g, x, "classifier.3", w.tensor("3.weight", count, wide), w.tensor("3.bias", count))


def _layer(g: GraphBuilder, w: Section, x: Picture, name: str, stride: int, *, swish: bool) -> Picture:
    x = convolution(g, w, x, Convolution(f"{name}.0", f"{name}.1", stride, EPSILON))
    return Picture(g.node("HardSwish", x.value), x.channels, x.side) if swish else relu(g, x)


def _block(g: GraphBuilder, w: Section, x: Picture, stride: int, *, swish: bool) -> Picture:
    """Expansion unless the depthwise convolution comes first, depthwise, squeeze-and-excitation if there is one, and
    projection."""
    y, place = x, 0
    if _pointwise(w, "0"):
        y, place = _layer(g, w, y, "0", 1, swish=swish), 1
    y = _layer(g, w, y, str(place), stride, swish=swish)
    place += 1
    if f"{place}.fc1.weight" in w:
        y = _excited(g, w.under(str(place)), y)
        place += 1
    y = convolution(g, w, y, Convolution(f"{place}.0", f"{place}.1", 1, EPSILON))
    return added(g, x, y) if stride == 1 and x.channels == y.channels else y


def _pointwise(w: Section, name: str) -> bool:
    return w.checkpoint.raw(w.name(f"{name}.0.weight")).shape[-1] == 1


def _excited(g: GraphBuilder, w: Section, x: Picture) -> Picture:
    """Squeeze-and-excitation: every channel of `x` times a factor in [0, 1] from the means of all."""
    y = g.node("GlobalAveragePool", x.value)
    for name, after in (("fc1", "Relu"), ("fc2", "")):
        weight = to_float32(w.checkpoint.raw(w.name(f"{name}.weight")))
        names = (
            g.weight(w.name(f"{name}.{part}"), w.checkpoint.raw(w.name(f"{name}.{part}")))
            for part in ("weight", "bias")
        )
        y = g.node("Conv", y, *names, kernel_shape=list(weight.shape[2:]))
        y = g.node(after, y) if after else g.node("HardSigmoid", y, alpha=1 / 6, beta=0.5)
    return Picture(g.node("Mul", x.value, y), x.channels, x.side)
