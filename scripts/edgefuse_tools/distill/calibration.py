"""Calibrates confidence for every set of modalities, with a temperature that depends on which are present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from edgefuse_tools.student.fusion import FusionModel

_RIDGE = 0.01  # pulls the modalities' terms towards 0 if few records determine them
_STEPS = 100  # of LBFGS, at most
_WIDEST = 3.0  # bound on the absolute logarithm of the temperature


@dataclass(frozen=True)
class Temperature:
    """The logits are divided by exp(base + the sum of ``without`` over the modalities that are absent)."""

    base: float
    without: tuple[float, ...]  # one per modality

    def of(self, presence: np.ndarray) -> np.ndarray:
        """Divisors [rows] for ``presence`` [rows, modalities]."""
        exponent = self.base + (1.0 - presence) @ np.array(self.without)
        return np.exp(np.clip(exponent, -_WIDEST, _WIDEST))


def fit(logits: np.ndarray, presence: np.ndarray, truth: np.ndarray) -> Temperature:
    """The temperature that makes ``truth`` most probable (Guo et al. 2017, here with a term for each absent modality).

    logits: [rows, labels]; presence: [rows, modalities]; truth: [rows] int. Targets are smoothed as by Platt (1999): a
    model that is right in all of n records is assumed to be right in n + 1 of n + 2.
    """
    rows, labels = logits.shape
    uncertain = 1.0 / (rows / max(1, presence.shape[1] + 1) + 2.0)
    targets = torch.full((rows, labels), uncertain / max(1, labels - 1), dtype=torch.float64)
    targets[torch.arange(rows), torch.from_numpy(truth)] = 1.0 - uncertain
    given = torch.from_numpy(logits).double()
    absent = torch.from_numpy(1.0 - presence).double()
    exponents = torch.zeros(1 + presence.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([exponents], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        exponent = (exponents[0] + absent @ exponents[1:]).clamp(-_WIDEST, _WIDEST)
        log_probability = (given * torch.exp(-exponent)[:, None]).log_softmax(dim=1)
        total = -(targets * log_probability).sum(dim=1).mean() + _RIDGE * exponents[1:].square().sum()
        total.backward()
        return total

    optimizer.step(cost)
    base, *without = exponents.detach().tolist()
    return Temperature(base, tuple(without))


class Calibrated(nn.Module):
    """The exported model: a fusion model whose logits are divided by its temperature."""

    def __init__(self, model: FusionModel, temperature: Temperature) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("base", torch.tensor(temperature.base, dtype=torch.float32))
        self.register_buffer("without", torch.tensor(temperature.without, dtype=torch.float32))

    def forward(self, presence: torch.Tensor, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Like the model's ``forward``."""
        outputs = self.model(presence=presence, **inputs)
        exponent = self.base + ((1.0 - presence) * self.without).sum(dim=1, keepdim=True)
        return outputs | {"logits": outputs["logits"] * torch.exp(-exponent.clamp(-_WIDEST, _WIDEST))}


def described(temperature: Temperature, names: Sequence[str]) -> str:
    """``1.20 with everything, 1.65 with image alone``."""
    sets = {"everything": np.ones((1, len(names)))}
    if len(names) > 1:
        sets |= {f"{name} alone": np.eye(len(names))[index : index + 1] for index, name in enumerate(names)}
    return ", ".join(f"{temperature.of(presence)[0]:.2f} with {title}" for title, presence in sets.items())
