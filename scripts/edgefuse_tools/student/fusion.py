"""Fusion models over any modalities in any form: two architectures, one interface.

``SharedFusion`` has one attention stack over the tokens of all modalities. In ``CrossModalTransformer``, each modality
attends to itself, then to the others, and a layer fuses their summaries. Both return logits, a fused embedding and one
embedding per modality, all normalised and in one space; those of absent modalities are 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from edgefuse_tools.student.attention import AttentionBlock, SharedAttention
from edgefuse_tools.student.encoders import Tokens, encoder
from edgefuse_tools.student.forms import Interface


@dataclass(frozen=True)
class Widths:
    """Sizes of the layers after the encoders."""

    heads: int = 4
    feed_forward: int = 256
    own_layers: int = 1  # over each modality's own tokens
    fused_layers: int = 2
    dropout: float = 0.1


class FusionModel(nn.Module, ABC):
    """Encoders, attention over each modality's own tokens, fusion, and the outputs."""

    def __init__(self, interface: Interface, widths: Widths) -> None:
        super().__init__()
        hidden = interface.hidden
        self.names = list(interface.forms)
        self._roles = {name: list(form.ports(name)) for name, form in interface.forms.items()}
        self.encoders = nn.ModuleDict({name: encoder(form, hidden) for name, form in interface.forms.items()})
        self.own = nn.ModuleDict({name: _stack(hidden, widths, widths.own_layers) for name in self.names})
        self.summary_norm = nn.LayerNorm(hidden)
        self.summaries = nn.ModuleDict({name: nn.Linear(hidden, hidden) for name in self.names})
        self.fusion_norm = nn.LayerNorm(hidden)
        self.fusion_projection = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, len(interface.labels))
        nn.init.normal_(self.classifier.weight, std=1.0)  # its input is a normalised vector

    def forward(self, presence: torch.Tensor, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """The outputs by role; see ``Interface.inputs`` and ``Interface.outputs``."""
        own = [self._own(name, inputs) for name in self.names]
        embedding = functional.normalize(self.fusion_projection(self.fusion_norm(self.fuse(own, presence))), dim=1)
        outputs = {"logits": self.classifier(embedding), "embedding": embedding}
        for index, (name, (tokens, _)) in enumerate(zip(self.names, own)):
            summary = functional.normalize(self.summaries[name](self.summary_norm(tokens[:, 0])), dim=1)
            outputs[f"{name}_embedding"] = summary * presence[:, index : index + 1]
        return outputs

    @abstractmethod
    def fuse(self, own: list[Tokens], presence: torch.Tensor) -> torch.Tensor:
        """Fused state [batch, hidden] of all present modalities."""

    def _own(self, name: str, inputs: dict[str, torch.Tensor]) -> Tokens:
        tokens, real = self.encoders[name](*(inputs[role] for role in self._roles[name]))
        for block in self.own[name]:
            tokens = block(tokens, None, real)
        return tokens, real


class SharedFusion(FusionModel):
    """One attention stack over the tokens of all modalities."""

    def __init__(self, interface: Interface, widths: Widths) -> None:
        super().__init__(interface, widths)
        count, dropout = len(self.names), widths.dropout
        shape = (interface.hidden, widths.heads, widths.feed_forward, widths.fused_layers)
        self.shared = SharedAttention(count, *shape, dropout)

    def fuse(self, own: list[Tokens], presence: torch.Tensor) -> torch.Tensor:
        return self.shared(own, presence)


class CrossModalTransformer(FusionModel):
    """Each modality attends to the tokens of the others; a layer fuses their first tokens."""

    def __init__(self, interface: Interface, widths: Widths) -> None:
        super().__init__(interface, widths)
        hidden, count = interface.hidden, len(self.names)
        # Attended to if a sample has no other modality: always present, so that no softmax is empty.
        self.nothing = nn.Parameter(torch.randn(1, 1, hidden) * 0.02)
        self.absent = nn.Parameter(torch.randn(count, hidden) * 0.02)  # replaces an absent modality
        self.cross = nn.ModuleDict({name: _stack(hidden, widths, widths.fused_layers) for name in self.names})
        self.fusion = nn.Sequential(
            nn.LayerNorm(count * hidden), nn.Linear(count * hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )

    def fuse(self, own: list[Tokens], presence: torch.Tensor) -> torch.Tensor:
        nothing = self.nothing.expand(presence.shape[0], -1, -1)
        seen = [real * presence[:, index : index + 1] for index, (_, real) in enumerate(own)]
        firsts = []
        for index, name in enumerate(self.names):
            others = [number for number in range(len(own)) if number != index]
            context = torch.cat([nothing, *(own[number][0] for number in others)], dim=1)
            visible = torch.cat([torch.ones_like(nothing[:, :, 0]), *(seen[number] for number in others)], dim=1)
            tokens = own[index][0]
            for block in self.cross[name]:
                tokens = block(tokens, context, visible)
            here = presence[:, index : index + 1]
            firsts.append(tokens[:, 0] * here + self.absent[index] * (1.0 - here))
        return self.fusion(torch.cat(firsts, dim=1))


def _stack(hidden: int, widths: Widths, layers: int) -> nn.ModuleList:
    blocks = (AttentionBlock(hidden, widths.heads, widths.feed_forward, widths.dropout) for _ in range(layers))
    return nn.ModuleList(blocks)


#: By their names for scripts/distill.py.
ARCHITECTURES: dict[str, type[FusionModel]] = {"shared": SharedFusion, "cross-modal": CrossModalTransformer}
