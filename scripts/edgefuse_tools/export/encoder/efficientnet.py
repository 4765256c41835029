"""EfficientNet-Lite: a state dict with the names of EfficientNet-PyTorch or of timm (`tf_efficientnet_lite0` to `4`).

Reference: timm, models/efficientnet.py. TensorFlow's padding and epsilon, ReLU6, no squeeze-and-excitation; stem, head,
first and last stage are not scaled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.encoder.parts import pixel_input
from edgefuse_tools.export.encoder.preprocessing import Preprocessing
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.convolution import Convolution, Picture, added, clip, convolution, pooled
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.linear import linear
from edgefuse_tools.export.graphs.section import Section

EPSILON = 1e-3

# Blocks, stride of the first, and outputs of each stage of Lite0.
STAGES = [(1, 1, 16), (2, 2, 24), (2, 2, 40), (3, 2, 80), (3, 1, 112), (4, 2, 192), (1, 1, 320)]

# Width and depth multipliers, and side of the picture.
VARIANTS = {
    "lite0": (1.0, 1.0, 224),
    "lite1": (1.0, 1.1, 240),
    "lite2": (1.1, 1.2, 260),
    "lite3": (1.2, 1.4, 280),
    "lite4": (1.4, 1.8, 300),
}

CROP = 0.875
"""Share of the shorter side that the centre crop keeps."""


@dataclass(frozen=True)
class Block:
    """Names of the layers of one block: convolution and normalisation of each."""

    expand: tuple[str, str] | None
    depthwise: tuple[str, str]
    project: tuple[str, str]
    stride: int


def recognised(checkpoint: Checkpoint) -> bool:
    return _pytorch_names(checkpoint) or "blocks.0.0.conv_dw.weight" in checkpoint


def preprocessing(checkpoint: Checkpoint) -> Preprocessing:
    """(sample - 127) / 128 with the names of EfficientNet-PyTorch, 127.5 with those of timm."""
    side = VARIANTS[_variant(checkpoint)][2]
    centre = 127.0 if _pytorch_names(checkpoint) else 127.5
    scale = 128.0 if _pytorch_names(checkpoint) else 127.5
    return Preprocessing(side, math.floor(side / CROP), "bicubic", rescale=1.0, mean=(centre,) * 3, std=(scale,) * 3)


def picture_features(g: GraphBuilder, checkpoint: Checkpoint, side: int) -> tuple[str, int]:
    """The pooled features [pictures, 1280] of the input `pixel_values`, and their length."""
    w, pytorch = Section(checkpoint), _pytorch_names(checkpoint)
    stem, stem_norm, head, head_norm = (
        ("_conv_stem", "_bn0", "_conv_head", "_bn1") if pytorch else ("conv_stem", "bn1", "conv_head", "bn2")
    )

    def layer(x: Picture, names: tuple[str, str], stride: int = 1) -> Picture:
        return convolution(g, w, x, Convolution(*names, stride=stride, epsilon=EPSILON, same=True))

    x = clip(g, layer(Picture(pixel_input(g, side, side), 3, side), (stem, stem_norm), 2), 0, 6)
    for block in _blocks(checkpoint):
        y = clip(g, layer(x, block.expand), 0, 6) if block.expand else x
        y = layer(clip(g, layer(y, block.depthwise, block.stride), 0, 6), block.project)
        x = added(g, x, y) if block.stride == 1 and x.channels == y.channels else y
    x = clip(g, layer(x, (head, head_norm)), 0, 6)
    return pooled(g, x), x.channels


def classes(checkpoint: Checkpoint) -> int:
    name = f"{_classifier(checkpoint)}.bias"
    return len(checkpoint.raw(name)) if name in checkpoint else 0


def logits(g: GraphBuilder, checkpoint: Checkpoint, features: str, length: int) -> str:
    w, name, count = Section(checkpoint), _classifier(checkpoint), classes(checkpoint)
    return linear(g, features, name, w.tensor(f"{name}.weight", count, length), w.tensor(f"{name}.bias", count))


def _classifier(checkpoint: Checkpoint) -> str:
    return "_fc" if _pytorch_names(checkpoint) else "classifier"


def _pytorch_names(checkpoint: Checkpoint) -> bool:
    return "_blocks.0._depthwise_conv.weight" in checkpoint


def _variant(checkpoint: Checkpoint) -> str:
    """The variant whose number of blocks and outputs of the first scaled stages fit."""
    width_of = "_blocks.{}._project_conv.weight" if _pytorch_names(checkpoint) else "blocks.{}.0.{}.weight"
    for name, (width, depth, _) in VARIANTS.items():
        stages = _scaled(width, depth)
        total = sum(blocks for blocks, _, _ in stages)
        if _pytorch_names(checkpoint):
            found = sum(1 for tensor in checkpoint.names() if tensor.endswith("._depthwise_conv.weight"))
            first = width_of.format(sum(blocks for blocks, _, _ in stages[:3]))
        else:
            found = sum(1 for tensor in checkpoint.names() if tensor.endswith(".conv_dw.weight"))
            first = width_of.format(3, "conv_pwl")
        if found == total and first in checkpoint and len(checkpoint.raw(first)) == stages[3][2]:
            if any(".se." in tensor or "_se_" in tensor for tensor in checkpoint.names()):
                break
            return name
    raise ExportError(
        f"{checkpoint.folder}: an EfficientNet, but none of {', '.join(f'EfficientNet-{it}' for it in VARIANTS)}"
    )


def _scaled(width: float, depth: float) -> list[tuple[int, int, int]]:
    """Blocks, stride and outputs of the stages (timm's `round_channels` and `_scale_stage_depth`)."""
    stages = []
    for place, (blocks, stride, outputs) in enumerate(STAGES):
        scaled = max(8, int(outputs * width + 4) // 8 * 8)
        if scaled < 0.9 * outputs * width:
            scaled += 8
        fixed = place in (0, len(STAGES) - 1)
        stages.append((blocks if fixed else math.ceil(blocks * depth), stride, scaled))
    return stages


def _blocks(checkpoint: Checkpoint) -> Iterator[Block]:
    width, depth, _ = VARIANTS[_variant(checkpoint)]
    number = 0
    for stage, (blocks, stride, _) in enumerate(_scaled(width, depth)):
        for place in range(blocks):
            own = stride if place == 0 else 1
            if _pytorch_names(checkpoint):
                name = f"_blocks.{number}"
                expand = (
                    (f"{name}._expand_conv", f"{name}._bn0") if f"{name}._expand_conv.weight" in checkpoint else None
                )
                depthwise, project = (
                    (f"{name}._depthwise_conv", f"{name}._bn1"),
                    (f"{name}._project_conv", f"{name}._bn2"),
                )
            elif stage == 0:
                name = f"blocks.0.{place}"
                expand, depthwise, project = (
                    None,
                    (f"{name}.conv_dw", f"{name}.bn1"),
                    (f"{name}.conv_pw", f"{name}.bn2"),
                )
            else:
                name = f"blocks.{stage}.{place}"
                expand = (f"{name}.conv_pw", f"{name}.bn1")
                depthwise, project = (f"{name}.conv_dw", f"{name}.bn2"), (f"{name}.conv_pwl", f"{name}.bn3")
            yield Block(expand, depthwise, project, own)
            number += 1
