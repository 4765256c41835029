"""Accuracy of BLIP on pictures that are not in training.

Answers and captions are fed to the decoders token by token; one counts as correct if each of its tokens, and the end
token, is the most likely one. That is exactly when greedy decoding produces it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from edgefuse_tools.easyvqa.dataset import Split
from edgefuse_tools.easyvqa.drawing import Pictures
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES, caption
from edgefuse_tools.easyvqa.pixels import pixel_values
from edgefuse_tools.easyvqa.texts import TextEncoder, Texts
from edgefuse_tools.training.blip import losses
from edgefuse_tools.training.blip.model import JointBlip

_BATCH = 200  # pictures


class Examination:
    """A part of the data set for evaluation."""

    def __init__(self, split: Split, encoder: TextEncoder) -> None:
        self._split = split
        self._encoder = encoder

    @torch.inference_mode()
    def accuracies(self, model: JointBlip, with_answers: bool) -> dict[str, float]:
        """Accuracy of the helper heads for shape and colour, and of captions and answers if ``with_answers``."""
        pictures = self._split.pictures
        known = (pictures.shapes >= 0) & (pictures.colors >= 0)
        right = {"shape": 0, "color": 0}
        answered = captioned = 0
        for low, states in self._states(model):
            rows = slice(low, low + len(states))
            predicted = model.heads(states)
            for name, labels in (("shape", pictures.shapes[rows]), ("color", pictures.colors[rows])):
                hits = predicted[name].argmax(dim=1).numpy() == labels
                right[name] += int((hits & known[rows]).sum())
            if with_answers:
                answered += self._answered(model, low, states)
                captioned += self._captioned(model, states[torch.from_numpy(known[rows])], pictures.take(rows))
        figures = {name: count / int(known.sum()) for name, count in right.items()}
        if with_answers:
            figures["captions"] = captioned / int(known.sum())
            figures["answers"] = answered / len(self._split.texts)
        return figures

    def _states(self, model: JointBlip) -> Iterator[tuple[int, torch.Tensor]]:
        """Vision states of the pictures, a batch at a time, with the number of the batch's first picture."""
        images = self._split.pictures.images
        for low in range(0, len(images), _BATCH):
            yield low, model.vision(pixel_values=pixel_values(images[low : low + _BATCH])).last_hidden_state

    def _answered(self, model: JointBlip, low: int, states: torch.Tensor) -> int:
        """Number of correct answers about these pictures."""
        split = self._split
        chosen = np.flatnonzero((split.image_ids >= low) & (split.image_ids < low + len(states)))
        asked = self._encoder.questions([split.texts[i] for i in chosen])
        answers = self._encoder.targets([ANSWERS[split.answers[i]] for i in chosen])
        rows = states[torch.from_numpy(split.image_ids[chosen] - low)]
        return _found(losses.answer_logits(model, rows, asked, answers), answers)

    def _captioned(self, model: JointBlip, states: torch.Tensor, pictures: Pictures) -> int:
        """Number of correct captions; ``states`` are those of pictures with known shape and colour."""
        pairs = [(shape, color) for shape, color in zip(pictures.shapes, pictures.colors) if min(shape, color) >= 0]
        captions = self._encoder.targets([caption(SHAPES[shape], COLOR_NAMES[color]) for shape, color in pairs])
        return _found(losses.caption_logits(model, states, captions), captions)


def _found(logits: torch.Tensor, targets: Texts) -> int:
    """Number of ``targets`` that greedy decoding would produce; ``logits`` [n, tokens, vocabulary] follow each
    token."""
    agrees = (logits[:, :-1].argmax(dim=2) == targets.ids[:, 1:]) | (targets.mask[:, 1:] == 0)
    return int(agrees.all(dim=1).sum())
