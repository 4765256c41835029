"""Training loop: stage by stage, with regular evaluations, log lines and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from edgefuse_tools.training.progress import Pace
from edgefuse_tools.training.schedule import Stage, place
from edgefuse_tools.training.state import TrainingState


def run(
    state: TrainingState[Any],
    stages: Sequence[Stage],
    lesson: Callable[[Stage, int], tuple[torch.Tensor, list[float]]],
    examine: Callable[[Stage], Mapping[str, float]],
    every: int,
    report: Callable[[str], None],
    checkpoint: Callable[[], None],
    over: Callable[[], bool] = lambda: False,
) -> None:
    """Trains from ``state.step`` to the end of the last stage.

    lesson: given a stage and the step within it, returns the loss and the learning rate of each parameter group
    examine: returns the figures to report, by name; called every ``every`` steps and at the end, before ``checkpoint``
    over: called after each checkpoint; returns whether to stop early
    """
    steps = sum(stage.steps for stage in stages)
    pace, total, taken = Pace(state.step, steps), 0.0, 0
    while state.step < steps:
        stage, within = place(stages, state.step)
        loss, rates = lesson(stage, within)
        state.update(loss, rates)
        total, taken = total + loss.item(), taken + 1
        if state.step % every and state.step != steps:
            continue
        figures = " ".join(f"{name} {value:.4f}" for name, value in examine(stage).items())
        report(f"step {state.step}/{steps} loss {total / taken:.4f} {figures} | {pace.describe(state.step)}")
        total, taken = 0.0, 0
        checkpoint()
        if over():
            return
