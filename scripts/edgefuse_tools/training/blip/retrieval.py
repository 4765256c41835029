"""Matching: transformers' BLIP for retrieval around the frozen vision encoder of captioning and answering.

Two losses, as in BLIP: a contrastive one between the embeddings of pictures and texts, and a matching one on pairs,
whose wrong texts are mostly nearly right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import BlipForImageTextRetrieval

from edgefuse_tools.easyvqa.dataset import Split
from edgefuse_tools.easyvqa.descriptions import Content, describe, misdescribe
from edgefuse_tools.easyvqa.drawing import Pictures
from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES, caption
from edgefuse_tools.easyvqa.pixels import pixel_values
from edgefuse_tools.easyvqa.texts import TextEncoder, Texts
from edgefuse_tools.student.losses import alignment
from edgefuse_tools.training import loop
from edgefuse_tools.training.blip.batches import Source
from edgefuse_tools.training.blip.model import JointBlip, configuration
from edgefuse_tools.training.schedule import warm_cosine
from edgefuse_tools.training.state import TrainingState

_TEMPERATURE = 0.07  # BLIP's initial value
_RATE = 1e-3


@dataclass(frozen=True)
class Stage:
    """The only stage; ``pictures`` per step, each with one correct and ``wrong`` wrong texts."""

    steps: int
    pictures: int = 64
    wrong: int = 3


class Retrieval(nn.Module):
    """The future checkpoint; its text encoder is initialised with that of questions."""

    def __init__(self, joint: JointBlip) -> None:
        super().__init__()
        self.blip = BlipForImageTextRetrieval(configuration())
        self.blip.vision_model.load_state_dict(joint.vision.state_dict())
        self.blip.vision_model.requires_grad_(False)
        self.blip.text_encoder.load_state_dict(joint.answering.text_encoder.state_dict())

    def trained(self) -> list[nn.Parameter]:
        """Everything but the vision encoder."""
        return [weight for weight in self.parameters() if weight.requires_grad]

    @torch.no_grad()
    def states(self, images: np.ndarray) -> torch.Tensor:
        """The vision encoder's states of ``images`` [pictures, 64, 64, 3] uint8: [pictures, 1 + patches, hidden]."""
        return self.blip.vision_model(pixel_values=pixel_values(images)).last_hidden_state

    def image_embeddings(self, states: torch.Tensor) -> torch.Tensor:
        """[pictures, hidden], normalised."""
        return functional.normalize(self.blip.vision_proj(states[:, 0]).float(), dim=1)

    def text_embeddings(self, texts: Texts) -> torch.Tensor:
        """[texts, hidden], normalised."""
        states = self.blip.text_encoder(input_ids=texts.ids, attention_mask=texts.mask).last_hidden_state
        return functional.normalize(self.blip.text_proj(states[:, 0]).float(), dim=1)

    def match_logits(self, texts: Texts, states: torch.Tensor) -> torch.Tensor:
        """Logits [texts, 2] of mismatch and match, of each text with its row of ``states``."""
        read = self.blip.text_encoder(
            input_ids=texts.ids, attention_mask=texts.mask, encoder_hidden_states=states
        ).last_hidden_state
        return self.blip.itm_head(read[:, 0]).float()


def new_state(joint: JointBlip, seed: int) -> TrainingState[Retrieval]:
    """New matching model around the trained ``joint``."""
    torch.manual_seed(seed)
    model = Retrieval(joint)
    return TrainingState(model, [model.trained()])


def train(
    state: TrainingState[Retrieval],
    stage: Stage,
    source: Source,
    encoder: TextEncoder,
    held_out: Split,
    seed: int,
    every: int,
    report: Callable[[str], None],
    checkpoint: Callable[[], None],
) -> None:
    """Trains to the end of ``stage``; every ``every`` steps and at the end, evaluates, reports, and calls
    ``checkpoint``."""

    def lesson(stage: Stage, within: int) -> tuple[torch.Tensor, list[float]]:
        pictures = source.pictures(state.step, stage.pictures)
        rng = np.random.default_rng([seed, 3, state.step])
        with torch.autocast("cpu", torch.bfloat16):
            loss = _loss(state.model, encoder, pictures, rng, stage.wrong)
        return loss, [warm_cosine(within, stage.steps, _RATE)]

    loop.run(state, [stage], lesson, lambda _: accuracies(state.averaged, encoder, held_out), every, report, checkpoint)


def _loss(
    model: Retrieval, encoder: TextEncoder, pictures: Pictures, rng: np.random.Generator, wrong: int
) -> torch.Tensor:
    states = model.states(pictures.images)
    truths = list(zip(pictures.shapes.tolist(), pictures.colors.tolist(), strict=True))
    described = encoder.questions([describe(rng, shape, color, Content.BOTH) for shape, color in truths])
    kinds = torch.tensor([shape * len(COLOR_NAMES) + color for shape, color in truths])
    apart = alignment(model.image_embeddings(states), model.text_embeddings(described), kinds, _TEMPERATURE)
    texts: list[str] = []
    for shape, color in truths:
        content = (Content.BOTH, Content.BOTH, Content.SHAPE, Content.COLOR)[int(rng.integers(4))]
        texts.append(describe(rng, shape, color, content))
        texts += [misdescribe(rng, shape, color, content) for _ in range(wrong)]
    logits = model.match_logits(encoder.questions(texts), states.repeat_interleave(1 + wrong, dim=0))
    matches = torch.tensor([1, *[0] * wrong] * len(truths))
    return apart + functional.cross_entropy(logits, matches)


@torch.inference_mode()
def accuracies(model: Retrieval, encoder: TextEncoder, split: Split) -> dict[str, float]:
    """Accuracy of the first of 24 captions for a picture, and of the matching of pairs.

    "matched": first by matching probability; "embedded": first by embeddings; "pairs": share of all pairs of pictures
    and captions on the correct side of one half.
    """
    pictures = split.pictures
    known = np.flatnonzero((pictures.shapes >= 0) & (pictures.colors >= 0))
    truth = torch.from_numpy(pictures.shapes[known] * len(COLOR_NAMES) + pictures.colors[known])
    captions = encoder.questions([caption(shape, color) for shape in SHAPES for color in COLOR_NAMES])
    states = model.states(pictures.images[known])
    likeness = model.image_embeddings(states) @ model.text_embeddings(captions).T
    # One caption at a time with every picture.
    columns = [
        model.match_logits(
            Texts(captions.ids[row].expand(len(known), -1), captions.mask[row].expand(len(known), -1)), states
        ).softmax(dim=1)[:, 1]
        for row in range(len(captions.ids))
    ]
    probability = torch.stack(columns, dim=1)
    correct = functional.one_hot(truth, len(captions.ids)).bool()
    return {
        "matched": (probability.argmax(dim=1) == truth).float().mean().item(),
        "embedded": (likeness.argmax(dim=1) == truth).float().mean().item(),
        "pairs": ((probability > 0.5) == correct).float().mean().item(),
    }
