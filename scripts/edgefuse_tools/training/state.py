"""State for resuming a run, including the averaged weights that are evaluated and exported."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

_CLIP = 1.0  # gradient norm

Model = TypeVar("Model", bound=nn.Module)


class TrainingState(Generic[Model]):
    """A model, the running average of its weights, its optimizer and the number of steps taken."""

    def __init__(self, model: Model, groups: list[list[nn.Parameter]], decay: float = 0.998) -> None:
        """``groups``: parameters that share a learning rate; ``decay``: of the running average, per step."""
        self._decay = decay
        self.model = model
        self.averaged = copy.deepcopy(model).requires_grad_(False).eval()
        self.step = 0
        self._optimizer = torch.optim.AdamW(
            [{"params": group} for group in groups], lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )

    def update(self, loss: torch.Tensor, rates: list[float]) -> None:
        """One optimizer step for ``loss`` with one learning rate per group."""
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
        self._optimizer.step()
        self.step += 1
        decay = min(self._decay, self.step / (self.step + 10.0))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), 1.0 - decay)

    def save(self, path: Path) -> None:
        """Writes to ``path`` atomically."""
        scratch = path.with_suffix(".partial")
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        torch.save(state, scratch)
        os.replace(scratch, path)

    def load(self, path: Path) -> None:
        """Restores the state written by ``save``."""
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])
