"""The shared training loop: stages, log lines, and resuming after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.training
pytest.importorskip("torch", reason="needs scripts/requirements/train.txt")
import torch  # noqa: E402

from edgefuse_tools.training import loop  # noqa: E402
from edgefuse_tools.training.state import TrainingState  # noqa: E402


@dataclass(frozen=True)
class Stage:
    """A stage of the run, identified by its name."""

    name: str
    steps: int


STAGES = [Stage("first", 3), Stage("second", 4)]


def fresh() -> TrainingState[torch.nn.Linear]:
    """A model that learns y = 2 x."""
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    return TrainingState(model, [list(model.parameters())])


def train(state: TrainingState[torch.nn.Linear], path: Path, stages: list[Stage]) -> tuple[list[str], list[str]]:
    """The stage and step within it of every lesson, and the log lines."""
    lessons: list[str] = []
    lines: list[str] = []

    def lesson(stage: Stage, within: int) -> tuple[torch.Tensor, list[float]]:
        lessons.append(f"{stage.name} {within}")
        inputs = torch.full((4, 1), float(state.step + 1))
        return (state.model(inputs) - 2 * inputs).square().mean(), [0.01]

    save: Callable[[], None] = lambda: state.save(path)  # noqa: E731
    loop.run(state, stages, lesson, lambda stage: {stage.name: 0.5}, 2, lines.append, save)
    return lessons, lines


def test_stages_are_in_order_and_lines_are_regular(tmp_path: Path) -> None:
    lessons, lines = train(fresh(), tmp_path / "state.pt", STAGES)
    assert lessons == ["first 0", "first 1", "first 2", "second 0", "second 1", "second 2", "second 3"]
    assert [line.split()[1] for line in lines] == ["2/7", "4/7", "6/7", "7/7"]
    assert "first 0.5000" in lines[0]
    assert "second 0.5000" in lines[-1]


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = fresh()
    train(whole, tmp_path / "whole.pt", STAGES)
    train(fresh(), tmp_path / "state.pt", STAGES[:1])
    resumed = fresh()
    resumed.load(tmp_path / "state.pt")
    lessons, _ = train(resumed, tmp_path / "state.pt", STAGES)
    assert lessons[0] == "second 0"
    for mine, theirs in zip(resumed.averaged.parameters(), whole.averaged.parameters(), strict=True):
        assert torch.equal(mine, theirs)
