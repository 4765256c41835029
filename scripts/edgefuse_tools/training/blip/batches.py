"""Training batches. The batch of step ``i`` depends only on the seed and ``i``, so a resumed run repeats nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from edgefuse_tools.easyvqa import drawing, questions
from edgefuse_tools.easyvqa.drawing import SIZE, Pictures
from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES, caption
from edgefuse_tools.easyvqa.texts import TextEncoder, Texts
from edgefuse_tools.training.blip.model import GRID, PATCH

_REAL_SHARE = 8  # one picture in this many comes from the data set's train part
_OUTLINE_LEVELS = (0.02, 0.98)  # coverage of a patch that contains the outline


@dataclass(frozen=True)
class VisionTargets:
    """Targets of the helper heads.

    shape, color: [n] int64
    box: [n, 4] float32, left, top, right, bottom in 0..1
    outline: [n, patches] int64, 0 for no outline, else 1 + index of the shape
    """

    shape: torch.Tensor
    color: torch.Tensor
    box: torch.Tensor
    outline: torch.Tensor


def vision_targets(pictures: Pictures) -> VisionTargets:
    """The targets of the helper heads, from the pictures and their labels."""
    mask = drawing.shape_mask(pictures.images)
    covered = np.asarray(mask > 0.5)
    box = np.concatenate([_extent(np.asarray(covered.any(axis=1))), _extent(np.asarray(covered.any(axis=2)))], axis=1)[
        :, [0, 2, 1, 3]
    ]
    patches = mask.reshape(-1, GRID, PATCH, GRID, PATCH).mean(axis=(2, 4)).reshape(len(mask), -1)
    crossed = (patches > _OUTLINE_LEVELS[0]) & (patches < _OUTLINE_LEVELS[1])
    outline = np.where(crossed, 1 + pictures.shapes[:, None], 0)
    return VisionTargets(
        torch.from_numpy(pictures.shapes),
        torch.from_numpy(pictures.colors),
        torch.from_numpy(box.astype(np.float32)),
        torch.from_numpy(outline),
    )


def _extent(occupied: np.ndarray) -> np.ndarray:
    """First and last occupied position in each row of [n, 64] booleans, as [n, 2] in 0..1."""
    first = occupied.argmax(axis=1)
    last = SIZE - occupied[:, ::-1].argmax(axis=1)
    return np.stack([first, last], axis=1) / SIZE


class Source:
    """Source of training pictures and questions: drawings, and the train part's labelled pictures."""

    def __init__(self, seed: int, drawings: int, real: Pictures, encoder: TextEncoder) -> None:
        self._seed = seed
        self._drawn = drawing.draw(np.random.default_rng([seed, 0]), drawings)
        self._real = real.take(np.flatnonzero((real.shapes >= 0) & (real.colors >= 0)))
        self._encoder = encoder

    def pictures(self, step: int, count: int) -> Pictures:
        """The pictures of one step: seven eighths drawn, one eighth real."""
        rng = np.random.default_rng([self._seed, 1, step])
        real = count // _REAL_SHARE
        return drawing.concatenate(
            self._drawn.take(rng.integers(len(self._drawn), size=count - real)),
            self._real.take(rng.integers(len(self._real), size=real)),
        )

    def conversation(
        self, step: int, pictures: Pictures, per_picture: int, mix: questions.Mix
    ) -> tuple[Texts, Texts, Texts]:
        """Questions and answers, ``per_picture`` consecutive ones for each picture, and one caption for each."""
        rng = np.random.default_rng([self._seed, 2, step])
        asked: list[questions.Question] = []
        captions: list[str] = []
        for shape_index, color_index in zip(pictures.shapes, pictures.colors, strict=True):
            shape, color = SHAPES[shape_index], COLOR_NAMES[color_index]
            asked += [questions.sample(rng, shape, color, mix) for _ in range(per_picture)]
            captions.append(caption(shape, color))
        return (
            self._encoder.questions([questions.vary(rng, question.text) for question in asked]),
            self._encoder.targets([question.answer for question in asked]),
            self._encoder.targets(captions),
        )
