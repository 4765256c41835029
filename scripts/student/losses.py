"""The student's losses."""

from __future__ import annotations

import torch
from torch.nn import functional


def distillation(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far the student's softened answers are from the teacher's.

    Both [batch, answers], logits or log-probabilities. The divergence KL(teacher || student) of the distributions at
    ``temperature``, averaged over the batch, times temperature² so that its gradients keep their size (Hinton et al.).
    """
    log_student = functional.log_softmax(student / temperature, dim=1)
    log_teacher = functional.log_softmax(teacher / temperature, dim=1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def mixed(
    student: torch.Tensor, teacher: torch.Tensor, answers: torch.Tensor, temperature: float, teacher_weight: float
) -> torch.Tensor:
    """``teacher_weight`` of distillation and the rest of cross-entropy with the true ``answers`` [batch] int64."""
    soft = distillation(student, teacher, temperature)
    hard = functional.cross_entropy(student, answers)
    return teacher_weight * soft + (1.0 - teacher_weight) * hard


def alignment(left: torch.Tensor, right: torch.Tensor, classes: torch.Tensor, temperature: float) -> torch.Tensor:
    """Draws embeddings of the same class together across two modalities, and others apart.

    left, right: [batch, hidden], each of length 1; classes: [batch] int64. Cross-entropy in both directions between
    the similarities and the even distribution over the pairs of one class.
    """
    same = (classes[:, None] == classes[None, :]).to(left.dtype)
    wanted = same / same.sum(dim=1, keepdim=True)
    similarity = left @ right.T / temperature
    forwards = -(wanted * functional.log_softmax(similarity, dim=1)).sum(dim=1).mean()
    backwards = -(wanted * functional.log_softmax(similarity.T, dim=1)).sum(dim=1).mean()
    return 0.5 * (forwards + backwards)
