"""The small BLIP: transformers' own classes, with one vision encoder for captioning and answering."""

from __future__ import annotations

import torch
from torch import nn
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipTextConfig,
    BlipVisionConfig,
)

from edgefuse_tools.easyvqa import tokenizer
from edgefuse_tools.easyvqa.drawing import SIZE
from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES

HIDDEN = 128
PATCH = 8  # pixels
GRID = SIZE // PATCH  # patches along a side
_HEADS = 4
_FEED_FORWARD = 256
_VISION_LAYERS = 4
_TEXT_LAYERS = 2
_LONGEST_TEXT = 64  # tokens


def configuration() -> BlipConfig:
    """The configuration of both checkpoints."""
    ids = {piece: index for index, piece in enumerate(tokenizer.vocabulary())}
    vision = BlipVisionConfig(
        hidden_size=HIDDEN,
        intermediate_size=_FEED_FORWARD,
        num_hidden_layers=_VISION_LAYERS,
        num_attention_heads=_HEADS,
        image_size=SIZE,
        patch_size=PATCH,
        initializer_range=0.02,
    )
    text = BlipTextConfig(
        vocab_size=len(ids),
        hidden_size=HIDDEN,
        encoder_hidden_size=HIDDEN,
        intermediate_size=_FEED_FORWARD,
        projection_dim=HIDDEN,
        num_hidden_layers=_TEXT_LAYERS,
        num_attention_heads=_HEADS,
        max_position_embeddings=_LONGEST_TEXT,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        bos_token_id=ids[tokenizer.DEC],
        eos_token_id=ids[tokenizer.SEP],
        sep_token_id=ids[tokenizer.SEP],
        pad_token_id=ids[tokenizer.PAD],
    )
    return BlipConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=HIDDEN, image_text_hidden_size=HIDDEN
    )


class VisionHeads(nn.Module):
    """Helper heads on the vision encoder for its training; not part of the checkpoint.

    Shape, colour and bounding box are predicted from the class token. Each patch also predicts whether the shape's
    outline crosses it and which shape it is: a local task, so shape is learned in minutes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shape = nn.Linear(HIDDEN, len(SHAPES))
        self.color = nn.Linear(HIDDEN, len(COLOR_NAMES))
        self.box = nn.Linear(HIDDEN, 4)
        self.outline = nn.Linear(HIDDEN, 1 + len(SHAPES))

    def forward(self, states: torch.Tensor) -> dict[str, torch.Tensor]:
        """``states`` [batch, 1 + patches, hidden] to shape, colour, box [batch, ·] and outline [batch, patches, 4]."""
        summary, patches = states[:, 0], states[:, 1:]
        return {
            "shape": self.shape(summary),
            "color": self.color(summary),
            "box": self.box(summary),
            "outline": self.outline(patches),
        }


class JointBlip(nn.Module):
    """Both BLIP models around one vision encoder, and the helper heads."""

    def __init__(self) -> None:
        super().__init__()
        config = configuration()
        self.answering = BlipForQuestionAnswering(config)
        self.captioning = BlipForConditionalGeneration(config)
        self.captioning.vision_model = self.answering.vision_model
        self.heads = VisionHeads()
        _start_positions(self.answering.vision_model.embeddings.position_embedding)

    @property
    def vision(self) -> nn.Module:
        """The shared vision encoder."""
        return self.answering.vision_model

    def parameter_count(self) -> int:
        """Number of exported weights: the vision encoder once, no helper heads."""
        return sum(p.numel() for p in self.parameters()) - sum(p.numel() for p in self.heads.parameters())


def _start_positions(embedding: nn.Parameter) -> None:
    """Initialises the patch positions with waves along both axes, so that neighbourhood need not be learned."""
    quarter = HIDDEN // 4
    frequencies = 1.0 / (100.0 ** (torch.arange(quarter) / quarter))
    place = torch.arange(GRID, dtype=torch.float32)[:, None] * frequencies
    waves = torch.cat([place.sin(), place.cos()], dim=1)  # [grid, hidden / 2]
    rows = waves[:, None, :].expand(GRID, GRID, -1)
    columns = waves[None, :, :].expand(GRID, GRID, -1)
    with torch.no_grad():
        embedding[0, 1:] = 0.1 * torch.cat([rows, columns], dim=2).reshape(GRID * GRID, HIDDEN)
