"""The losses of both training stages."""

from __future__ import annotations

import torch
from torch.nn import functional

from edgefuse_tools.easyvqa.texts import Texts
from edgefuse_tools.training.blip.batches import VisionTargets
from edgefuse_tools.training.blip.model import JointBlip

_COLOR_WEIGHT = 0.5
_OUTLINE_WEIGHT = 1.0
_BOX_WEIGHT = 2.0
_PLAIN_PATCH_WEIGHT = 0.1  # there are many patches without outline, and they are easy


def vision_loss(predicted: dict[str, torch.Tensor], targets: VisionTargets) -> torch.Tensor:
    """Shape and colour of the picture, its bounding box, and the outline in each patch."""
    outline_weights = torch.tensor([_PLAIN_PATCH_WEIGHT, 1.0, 1.0, 1.0])
    return (
        functional.cross_entropy(predicted["shape"].float(), targets.shape)
        + _COLOR_WEIGHT * functional.cross_entropy(predicted["color"].float(), targets.color)
        + _BOX_WEIGHT * functional.smooth_l1_loss(predicted["box"].float(), targets.box, beta=0.1)
        + _OUTLINE_WEIGHT
        * functional.cross_entropy(
            predicted["outline"].float().flatten(0, 1), targets.outline.flatten(), outline_weights
        )
    )


def answer_loss(model: JointBlip, states: torch.Tensor, asked: Texts, answers: Texts) -> torch.Tensor:
    """Language-model loss of the answers; ``states`` [pictures, tokens, hidden], several questions per picture."""
    per_picture = len(asked.ids) // len(states)
    logits = answer_logits(model, states.repeat_interleave(per_picture, dim=0), asked, answers)
    return _next_token_loss(logits, answers)


def answer_logits(model: JointBlip, states: torch.Tensor, asked: Texts, answers: Texts) -> torch.Tensor:
    """Logits [questions, answer tokens, vocabulary] of each answer position; ``states`` has one row per question."""
    question_states = model.answering.text_encoder(
        input_ids=asked.ids, attention_mask=asked.mask, encoder_hidden_states=states
    ).last_hidden_state
    return model.answering.text_decoder(
        input_ids=answers.ids,
        attention_mask=answers.mask,
        encoder_hidden_states=question_states,
        encoder_attention_mask=asked.mask,
    ).logits


def caption_loss(model: JointBlip, states: torch.Tensor, captions: Texts) -> torch.Tensor:
    """Language-model loss of the captions, one for each picture of ``states``."""
    return _next_token_loss(caption_logits(model, states, captions), captions)


def caption_logits(model: JointBlip, states: torch.Tensor, captions: Texts) -> torch.Tensor:
    """Logits [pictures, tokens, vocabulary] of each caption position."""
    return model.captioning.text_decoder(
        input_ids=captions.ids, attention_mask=captions.mask, encoder_hidden_states=states
    ).logits


def _next_token_loss(logits: torch.Tensor, target: Texts) -> torch.Tensor:
    """Cross-entropy of each token given the previous ones, without padding."""
    targets = target.ids[:, 1:].masked_fill(target.mask[:, 1:] == 0, -100)
    return functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), targets.flatten(), ignore_index=-100)
