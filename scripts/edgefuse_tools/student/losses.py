"""The student's losses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

_HIGHEST_SCALE = 100.0  # of the similarities; CLIP's bound, without which the temperature goes to zero


def distillation(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Distillation loss: KL(teacher || student) of the distributions at ``temperature``, averaged over the batch, times
    temperature² so that its gradients keep their size (Hinton et al.).

    Both [batch, answers], logits or log-probabilities.
    """
    log_student = functional.log_softmax(student / temperature, dim=1)
    log_teacher = functional.log_softmax(teacher / temperature, dim=1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def mixed(
    student: torch.Tensor, teacher: torch.Tensor, answers: torch.Tensor, temperature: float, teacher_weight: float
) -> torch.Tensor:
    """Distillation weighted by ``teacher_weight``, and cross-entropy with the true ``answers`` [batch] int64 by the
    rest."""
    soft = distillation(student, teacher, temperature)
    hard = functional.cross_entropy(student, answers)
    return teacher_weight * soft + (1.0 - teacher_weight) * hard


def feature_matching(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Distance between the directions of student and teacher features: mean over the batch of |s - t|² of unit vectors.

    Both [batch, hidden]; if their sizes differ, the student's go through a linear layer first (FitNets, Romero et al.).
    0 for the same direction, 4 for opposite directions.
    """
    difference = functional.normalize(student, dim=1) - functional.normalize(teacher, dim=1)
    return difference.square().sum(dim=1).mean()


def attention_matching(student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Distance between student and teacher attention: KL(teacher || student), averaged over rows (MiniLM).

    student, teacher: [batch, heads, queries, keys], attention after the softmax; heads are averaged and may
        differ in number
    real: [batch, queries] 1 or 0, which rows count
    """
    mine, theirs = student.mean(dim=1), teacher.mean(dim=1)
    smallest = torch.finfo(mine.dtype).tiny
    divergence = theirs * (theirs.clamp(min=smallest).log() - mine.clamp(min=smallest).log())
    return (divergence.sum(dim=2) * real).sum() / real.sum().clamp(min=1)


def contrastive(left: torch.Tensor, right: torch.Tensor, scale: torch.Tensor | float) -> torch.Tensor:
    """Symmetric cross-entropy over all pairs of a batch (CLIP, Radford et al.): row ``i`` of one matches row ``i`` of
    the other.

    left, right: [batch, hidden], normalised; scale: factor of the similarities, 1 / temperature.
    """
    similarity = left @ right.T * scale
    pairs = torch.arange(left.shape[0], device=left.device)
    return 0.5 * (functional.cross_entropy(similarity, pairs) + functional.cross_entropy(similarity.T, pairs))


def alignment(left: torch.Tensor, right: torch.Tensor, classes: torch.Tensor, temperature: float) -> torch.Tensor:
    """Aligns embeddings of the same class across two modalities, and separates others.

    left, right: [batch, hidden], normalised; classes: [batch] int64. Cross-entropy in both directions between the
    similarities and the uniform distribution over the pairs of the same class.
    """
    same = (classes[:, None] == classes[None, :]).to(left.dtype)
    targets = same / same.sum(dim=1, keepdim=True)
    similarity = left @ right.T / temperature
    forwards = -(targets * functional.log_softmax(similarity, dim=1)).sum(dim=1).mean()
    backwards = -(targets * functional.log_softmax(similarity.T, dim=1)).sum(dim=1).mean()
    return 0.5 * (forwards + backwards)


class Contrastive(nn.Module):
    """``contrastive`` with a learned temperature, between every two modalities."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / temperature)))

    def scale(self) -> torch.Tensor:
        """Factor of the similarities: 1 / temperature, at most 100."""
        return self.log_scale.exp().clamp(max=_HIGHEST_SCALE)

    def forward(self, embeddings: Sequence[torch.Tensor], presence: torch.Tensor) -> torch.Tensor:
        """Mean over every two modalities, each over the samples that have both.

        embeddings: one per modality, [batch, hidden], normalised; presence: [batch, modalities] of 1 and 0
        """
        parts = []
        for first in range(len(embeddings)):
            for second in range(first + 1, len(embeddings)):
                both = torch.nonzero(presence[:, first] * presence[:, second])[:, 0]
                if len(both) > 1:  # a single sample has no negatives
                    parts.append(contrastive(embeddings[first][both], embeddings[second][both], self.scale()))
        return torch.stack(parts).mean() if parts else self.log_scale * 0.0
