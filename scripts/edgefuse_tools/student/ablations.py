"""Variants of the student without one of its ideas, to measure the value of each."""

from __future__ import annotations

import enum

import torch
from torch import nn
from torch.nn import functional

from edgefuse_tools.student.model import MODALITIES, Sizes, Student
from edgefuse_tools.student.trainer import Weights


class Ablation(enum.Enum):
    """The omitted idea."""

    NOTHING = "nothing"
    DISTILLATION = "distillation"
    CONTRASTIVE = "contrastive"
    SHARED_ATTENTION = "shared-attention"

    def weights(self) -> Weights:
        """Weights of the loss: without distillation, only the true answers count; without contrast, embeddings are not
        compared."""
        if self is Ablation.DISTILLATION:
            return Weights(teacher=0.0)
        if self is Ablation.CONTRASTIVE:
            return Weights(alignment=0.0, nearest=0.0)
        return Weights()

    def student(self, sizes: Sizes) -> Student:
        """A new student."""
        return LateFusion(sizes) if self is Ablation.SHARED_ATTENTION else Student(sizes)


class LateFusion(Student):
    """No attention over the tokens of all modalities: two layers fuse the first token of each, with about the same
    number of weights."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        width = len(MODALITIES) * sizes.hidden
        self.fused = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, sizes.hidden)])
        del self.fusion_start

    def decide(
        self, own: list[tuple[torch.Tensor, torch.Tensor]], presence: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Like the student's, but from the modalities' first tokens alone."""
        absent = presence.new_zeros(presence.shape[0], self.sizes.hidden)
        firsts = [
            states[:, 0] * presence[:, index : index + 1] if states.shape[1] else absent
            for index, (states, _) in enumerate(own)
        ]
        joined = functional.gelu(self.fused[0](torch.cat(firsts, dim=1)))
        embedding = functional.normalize(self.fusion_projection(self.fusion_norm(self.fused[1](joined))), dim=1)
        return self.classifier(embedding), embedding
