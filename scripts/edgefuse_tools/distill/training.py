"""Training a fusion model on examples: distillation, modality dropout, early stopping, calibration."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from edgefuse_tools.distill.examples import Batch, Examples, Feed
from edgefuse_tools.student import losses
from edgefuse_tools.student.fusion import FusionModel
from edgefuse_tools.training import loop
from edgefuse_tools.training.schedule import warm_cosine
from edgefuse_tools.training.state import TrainingState

_EXAMINED = 256  # records per batch
_AVERAGE = 0.99  # decay of the averaged weights per step: these runs are short


@dataclass(frozen=True)
class Settings:
    """Training settings. ``patience``: evaluations without improvement before training stops."""

    seed: int
    epochs: int
    batch: int
    rate: float
    temperature: float
    teacher_weight: float
    contrastive_weight: float
    modality_dropout: float
    patience: int


@dataclass(frozen=True)
class Stage:
    """The only stage of the run."""

    steps: int


class Learner(nn.Module):
    """The model, and parameters that are used only in training."""

    def __init__(self, model: FusionModel) -> None:
        super().__init__()
        self.model = model
        self.contrastive = losses.Contrastive()


def loss_of(learner: Learner, batch: Batch, settings: Settings) -> torch.Tensor:
    """Distillation for records with a teacher's answer, cross-entropy for records with a label, and the contrastive
    loss."""
    outputs = learner.model(**batch.inputs)
    logits, taught, labelled = outputs["logits"], torch.isfinite(batch.taught[:, 0]), batch.labels >= 0
    loss = logits.sum() * 0.0
    both = settings.teacher_weight
    for rows, teacher_weight in ((taught & labelled, both), (taught & ~labelled, 1.0), (labelled & ~taught, 0.0)):
        share = rows.sum() / len(rows)
        if bool(rows.any()) and teacher_weight > 0.0:
            soft = losses.distillation(logits[rows], batch.taught[rows], settings.temperature)
            loss = loss + share * teacher_weight * soft
        if bool(rows.any()) and teacher_weight < 1.0:
            hard = functional.cross_entropy(logits[rows], batch.labels[rows])
            loss = loss + share * (1.0 - teacher_weight) * hard
    if settings.contrastive_weight and len(learner.model.names) > 1:
        embeddings = [outputs[f"{name}_embedding"] for name in learner.model.names]
        loss = loss + settings.contrastive_weight * learner.contrastive(embeddings, batch.inputs["presence"])
    return loss


def subset(rng: np.random.Generator, presence: np.ndarray, dropout: float) -> np.ndarray:
    """Drops some modalities of a sample, never all, with probability ``dropout``: [rows, modalities] of 1 and 0."""
    kept = presence.copy()
    for row in np.flatnonzero(rng.random(len(kept)) < dropout):
        there = np.flatnonzero(kept[row])
        kept[row] = 0.0
        kept[row, rng.permutation(there)[: rng.integers(1, len(there) + 1)]] = 1.0
    return kept


class Trainer:
    """Trains one model on one split of the examples; every random choice depends on the seed and the step."""

    def __init__(
        self,
        learner: Learner,
        feed: Feed,
        examples: Examples,
        taught: np.ndarray,
        split: tuple[np.ndarray, np.ndarray],
        settings: Settings,
        device: torch.device,
    ) -> None:
        """``split``: the rows to train on, and those held out. ``taught``: see ``teacher.soft_labels``."""
        self._feed, self._examples, self._taught, self._settings = feed, examples, taught, settings
        self._train, self._held_out = split
        self._device = device
        self._state = TrainingState(learner.to(device), [list(learner.parameters())], _AVERAGE)
        self.history: list[dict[str, float]] = []
        self._best: dict[str, torch.Tensor] = {}

    def run(self, folder: Path, report: Callable[[str], None]) -> FusionModel:
        """The best model by loss on the held-out records; resumes an interrupted run from ``folder``."""
        settings = self._settings
        self._resume(folder)
        each = max(1, len(self._train) // settings.batch)
        steps = settings.epochs * each
        train_loss: list[float] = []

        def lesson(stage: Stage, within: int) -> tuple[torch.Tensor, list[float]]:
            loss = loss_of(self._state.model, self._lesson(within, each), settings)
            train_loss.append(float(loss.detach()))
            return loss, [warm_cosine(within, stage.steps, settings.rate, min(100, stage.steps // 10 + 1))]

        def examine(_: Stage) -> dict[str, float]:
            self._state.model.eval()
            figures = self._examine()
            self._state.model.train()
            self.history.append({"step": self._state.step, "training_loss": float(np.mean(train_loss)), **figures})
            train_loss.clear()
            if figures["loss"] <= min(past["loss"] for past in self.history):
                weights = self._state.averaged.model.state_dict()
                self._best = {name: weight.detach().clone() for name, weight in weights.items()}
            return figures

        def checkpoint() -> None:
            torch.save(self._best, folder / "best.pt")
            (folder / "history.json").write_text(json.dumps(self.history), encoding="utf-8")
            self._state.save(folder / "state.pt")

        self._state.model.train()
        if not self._over():
            loop.run(self._state, [Stage(steps)], lesson, examine, each, report, checkpoint, self._over)
        if self._state.step < steps:
            report(f"no improvement for {settings.patience} epochs: stopped at step {self._state.step} of {steps}")
        model = self._state.averaged.model
        model.load_state_dict(self._best)
        return model.eval()

    def logits(self, model: FusionModel, rows: np.ndarray, presence: np.ndarray) -> np.ndarray:
        """Logits [rows, labels] of these ``rows`` with these modalities."""
        parts = []
        with torch.inference_mode():
            for low in range(0, len(rows), _EXAMINED):
                part = slice(low, low + _EXAMINED)
                batch = self._feed.batch(self._examples, rows[part], presence[part], None)
                parts.append(model(**self._moved(batch).inputs)["logits"].cpu().numpy())
        return np.concatenate(parts)

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """Targets of these ``rows``: the label, or the teacher's if there is none."""
        known = self._examples.labels[rows]
        return np.where(known >= 0, known, np.nan_to_num(self._taught[rows], nan=-np.inf).argmax(axis=1))

    def weakened(self, rows: np.ndarray) -> np.ndarray:
        """The modalities of ``rows`` with some removed, always the same ones."""
        rng = np.random.default_rng([self._settings.seed, 3])
        return subset(rng, self._examples.presence[rows], self._settings.modality_dropout)

    def _lesson(self, step: int, each: int) -> Batch:
        epoch, place = divmod(step, each)
        order = np.random.default_rng([self._settings.seed, 1, epoch]).permutation(self._train)
        rows = order[place * self._settings.batch : (place + 1) * self._settings.batch]
        rng = np.random.default_rng([self._settings.seed, 2, step])
        presence = subset(rng, self._examples.presence[rows], self._settings.modality_dropout)
        return self._moved(self._feed.batch(self._examples, rows, presence, self._taught, rng))

    def _examine(self) -> dict[str, float]:
        """Loss and accuracy on the held-out records with all modalities, and the loss with some removed."""
        rows = self._held_out
        truth, model = self.targets(rows), self._state.averaged.model
        whole = self.logits(model, rows, self._examples.presence[rows])
        weak = self.logits(model, rows, self.weakened(rows))
        losses_ = [cross_entropy(logits, truth) for logits in (whole, weak)]
        accuracy = float((whole.argmax(axis=1) == truth).mean())
        return {"loss": 0.5 * sum(losses_), "accuracy": accuracy}

    def _over(self) -> bool:
        """Whether none of the last ``patience`` evaluations improved on the best."""
        values = [past["loss"] for past in self.history]
        return bool(values) and len(values) - 1 - int(np.argmin(values)) >= self._settings.patience

    def _resume(self, folder: Path) -> None:
        if (folder / "state.pt").is_file():
            self._state.load(folder / "state.pt")
            self._best = torch.load(folder / "best.pt", weights_only=True, map_location=self._device)
            self.history = json.loads((folder / "history.json").read_text(encoding="utf-8"))

    def _moved(self, batch: Batch) -> Batch:
        inputs = {role: tensor.to(self._device) for role, tensor in batch.inputs.items()}
        return Batch(inputs, batch.labels.to(self._device), batch.taught.to(self._device))


def split(examples: Examples, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training rows and held-out rows: the same ``share`` of every label with at least two records."""
    rng = np.random.default_rng([seed, 0])
    held_out: list[int] = []
    for label in np.unique(examples.labels):
        rows = rng.permutation(np.flatnonzero(examples.labels == label))
        held_out.extend(rows[: min(max(1, round(len(rows) * share)), len(rows) - 1)])
    chosen = np.zeros(len(examples.labels), dtype=bool)
    chosen[held_out] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def cross_entropy(logits: np.ndarray, truth: Sequence[int] | np.ndarray) -> float:
    """Mean over the rows, in nats."""
    return float(functional.cross_entropy(torch.from_numpy(logits).double(), torch.as_tensor(truth)))


def fingerprint(settings: Settings, *parts: object) -> str:
    """Identity of a run, by which its checkpoints are recognised."""
    return json.dumps([asdict(settings), *map(str, parts)])
