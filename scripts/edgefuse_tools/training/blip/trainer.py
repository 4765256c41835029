"""Training of the small BLIP: first the vision encoder, then everything together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from edgefuse_tools.easyvqa.pixels import pixel_values
from edgefuse_tools.easyvqa.questions import EASY, HARD
from edgefuse_tools.training import loop
from edgefuse_tools.training.blip import losses
from edgefuse_tools.training.blip.batches import Source, vision_targets
from edgefuse_tools.training.blip.evaluation import Examination
from edgefuse_tools.training.blip.model import JointBlip
from edgefuse_tools.training.schedule import warm_cosine
from edgefuse_tools.training.state import TrainingState


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    batch: pictures per step
    per_picture: questions asked about each picture; 0 trains the vision encoder alone
    vision_rate, text_rate: highest learning rates
    """

    steps: int
    batch: int
    per_picture: int
    vision_rate: float
    text_rate: float


def new_state(seed: int) -> TrainingState[JointBlip]:
    """New weights; the vision encoder and the text models have separate learning rates."""
    torch.manual_seed(seed)
    model = JointBlip()
    vision = [*model.vision.parameters(), *model.heads.parameters()]
    known = {id(parameter) for parameter in vision}
    text = [parameter for parameter in model.parameters() if id(parameter) not in known]
    return TrainingState(model, [vision, text])


def train(
    state: TrainingState[JointBlip],
    stages: list[Stage],
    source: Source,
    examination: Examination,
    every: int,
    report: Callable[[str], None],
    checkpoint: Callable[[], None],
) -> None:
    """Trains to the end of the last stage; every ``every`` steps and at the end, evaluates, reports, and calls
    ``checkpoint``."""

    def lesson(stage: Stage, within: int) -> tuple[torch.Tensor, list[float]]:
        rates = [warm_cosine(within, stage.steps, rate) for rate in (stage.vision_rate, stage.text_rate)]
        return _loss(state.model, source, stage, state.step, within), rates

    def examine(stage: Stage) -> dict[str, float]:
        return examination.accuracies(state.averaged, with_answers=stage.per_picture > 0)

    loop.run(state, stages, lesson, examine, every, report, checkpoint)


def _loss(model: JointBlip, source: Source, stage: Stage, step: int, within: int) -> torch.Tensor:
    """The loss of ``step``, the stage's step ``within``; questions get harder half way through the stage."""
    mix = EASY if within < stage.steps // 2 else HARD
    pictures = source.pictures(step, stage.batch)
    with torch.autocast("cpu", torch.bfloat16):
        states = model.vision(pixel_values=pixel_values(pictures.images)).last_hidden_state
        loss = losses.vision_loss(model.heads(states), vision_targets(pictures))
        if stage.per_picture:
            asked, answers, captions = source.conversation(step, pictures, stage.per_picture, mix)
            loss = loss + losses.answer_loss(model, states, asked, answers)
            loss = loss + losses.caption_loss(model, states, captions)
    return loss
