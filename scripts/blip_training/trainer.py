"""The training loop: the vision encoder first, then everything together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from blip_training import losses
from blip_training.batches import Source, vision_targets
from blip_training.evaluation import Examination
from blip_training.model import JointBlip
from easyvqa.pixels import pixel_values
from easyvqa.questions import EASY, HARD
from training.progress import Pace
from training.schedule import place, warm_cosine
from training.state import TrainingState


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    batch: pictures a step
    per_picture: questions asked about each picture; 0 trains the vision encoder alone
    vision_rate, text_rate: highest learning rates
    """

    steps: int
    batch: int
    per_picture: int
    vision_rate: float
    text_rate: float


def new_state(seed: int) -> TrainingState[JointBlip]:
    """Fresh weights; the vision encoder and the text models have learning rates of their own."""
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
    """Train to the end of the last stage; every ``every`` steps and at the end, examine, report, ``checkpoint``."""
    steps = sum(stage.steps for stage in stages)
    pace, total = Pace(state.step, steps), 0.0
    while state.step < steps:
        stage, within = place(stages, state.step)
        loss = _loss(state.model, source, stage, state.step, within)
        state.update(loss, [warm_cosine(within, stage.steps, rate) for rate in (stage.vision_rate, stage.text_rate)])
        total += loss.item()
        if state.step % every and state.step != steps:
            continue
        seen = examination.accuracies(state.averaged, with_answers=stage.per_picture > 0)
        figures = " ".join(f"{name} {value:.4f}" for name, value in seen.items())
        report(f"step {state.step}/{steps} loss {total / every:.4f} {figures} | {pace.describe(state.step)}")
        total = 0.0
        checkpoint()


def _loss(model: JointBlip, source: Source, stage: Stage, step: int, within: int) -> torch.Tensor:
    """The loss of ``step``, the stage's step ``within``; its questions get harder half way through the stage."""
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
