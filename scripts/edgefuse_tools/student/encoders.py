"""Encoders: from a modality, in one of its forms, to tokens for attention.

Each encoder takes the inputs of its form (see ``student.forms``) and returns the tokens [batch, n, hidden] and a mask
of the real ones, [batch, n] of 1 and 0; the first token is always real and represents the modality.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgefuse_tools.student.forms import Embedding, Form, Picture, Readings, Sound, Words
from edgefuse_tools.student.model import AudioFrontEnd, Sizes

Tokens = tuple[torch.Tensor, torch.Tensor]
_SPREAD = 0.02  # standard deviation of the initial position embeddings
_PATCHES = 64  # per picture, approximately


class PictureEncoder(nn.Module):
    """Three convolutions, the first two with a stride, then a token for each patch."""

    def __init__(self, form: Picture, hidden: int) -> None:
        super().__init__()
        # At least about 8 x 8 patches, also for small pictures.
        stride = max(1, round((form.width * form.height / _PATCHES) ** 0.5 / 4))
        self.fine = nn.Conv2d(3, hidden // 2, kernel_size=3, padding=1)
        self.middle = nn.Conv2d(hidden // 2, hidden, kernel_size=3, stride=2, padding=1)
        self.coarse = nn.Conv2d(hidden, hidden, kernel_size=2 * stride, stride=2 * stride)
        with torch.no_grad():
            patches = self._patches(torch.zeros(1, 3, form.height, form.width)).shape[1]
        self.start = nn.Parameter(torch.randn(1, 1, hidden) * _SPREAD)
        self.positions = nn.Parameter(torch.randn(1, 1 + patches, hidden) * _SPREAD)

    def forward(self, image: torch.Tensor) -> Tokens:
        """image: [batch, 3, height, width] float32, normalised"""
        start = self.start.expand(image.shape[0], -1, -1)
        tokens = torch.cat([start, self._patches(image)], dim=1) + self.positions
        return tokens, torch.ones_like(tokens[:, :, 0])

    def _patches(self, image: torch.Tensor) -> torch.Tensor:
        states = functional.gelu(self.middle(functional.gelu(self.fine(image))))
        return self.coarse(states).flatten(2).transpose(1, 2)


class WordsEncoder(nn.Module):
    """Embeddings of tokens and positions; the first token is the tokenizer's own."""

    def __init__(self, form: Words, hidden: int) -> None:
        super().__init__()
        self.words = nn.Embedding(form.tokenizer.get_vocab_size(), hidden)
        self.positions = nn.Parameter(torch.randn(form.max_tokens, hidden) * _SPREAD)
        nn.init.normal_(self.words.weight, std=_SPREAD)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Tokens:
        """Both [batch, tokens] int64"""
        tokens = self.words(input_ids) + self.positions[: input_ids.shape[1]]
        return tokens, attention_mask.to(tokens.dtype)


class SoundEncoder(nn.Module):
    """Convolutions to one token per 80 ms, as in the easy-VQA student."""

    def __init__(self, hidden: int, positions: int = 128) -> None:
        super().__init__()
        self.front_end = AudioFrontEnd(
            Sizes(vocabulary=1, answers=1, hidden=hidden, audio_channels=(hidden // 2, hidden))
        )
        self.start = nn.Parameter(torch.randn(1, 1, hidden) * _SPREAD)
        self.positions = nn.Parameter(torch.randn(positions, hidden) * _SPREAD)

    def forward(self, log_mel: torch.Tensor) -> Tokens:
        """log_mel: [batch, 80, frames] float32, padding frames below -2; later positions share the last one"""
        heard, real = self.front_end(log_mel)
        place = torch.arange(heard.shape[1], device=heard.device).clamp(max=self.positions.shape[0] - 1)
        start = self.start.expand(heard.shape[0], -1, -1)
        tokens = torch.cat([start, heard + self.positions[place]], dim=1)
        return tokens, torch.cat([torch.ones_like(real[:, :1]), real], dim=1)


class VectorEncoder(nn.Module):
    """A vector as one token: another model's features, such as ResNet-50's 2048 numbers, projected to ``hidden``."""

    def __init__(self, length: int, hidden: int) -> None:
        super().__init__()
        self.projection = nn.Linear(length, hidden)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, vector: torch.Tensor) -> Tokens:
        """vector: [batch, length] float32"""
        tokens = self.norm(self.projection(vector))[:, None]
        return tokens, torch.ones_like(tokens[:, :, 0])


class ReadingsEncoder(nn.Module):
    """A token for all readings together, and one for each."""

    def __init__(self, form: Readings, hidden: int) -> None:
        super().__init__()
        count = len(form.sensors)
        self.together = nn.Sequential(nn.Linear(count, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.each = nn.Parameter(torch.randn(2, count, hidden) * count**-0.5)

    def forward(self, sensors: torch.Tensor) -> Tokens:
        """sensors: [batch, n] float32, normalised"""
        slopes, offsets = self.each[0], self.each[1]
        tokens = torch.cat([self.together(sensors)[:, None], sensors[:, :, None] * slopes + offsets], dim=1)
        return tokens, torch.ones_like(tokens[:, :, 0])


def encoder(form: Form, hidden: int) -> nn.Module:
    """The encoder of a form."""
    if isinstance(form, Picture):
        return PictureEncoder(form, hidden)
    if isinstance(form, Words):
        return WordsEncoder(form, hidden)
    if isinstance(form, Sound):
        return SoundEncoder(hidden)
    if isinstance(form, Embedding):
        return VectorEncoder(form.length, hidden)
    if isinstance(form, Readings):
        return ReadingsEncoder(form, hidden)
    raise TypeError(f"no encoder for {form}")
