"""The student: one stack of attention layers shared by all modalities, then layers over all of them together.

Each modality's tokens go through the same ``own`` layers, attending only to each other; the first token then represents
the modality. The ``fused`` layers attend to the tokens of all present modalities and an additional token, whose state
is the fused embedding. Shapes: ``hidden`` = 128; a bias is added to attention scores, 0 for visible tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

MODALITIES: tuple[str, ...] = ("image", "text", "audio", "sensors")  # columns of ``presence``
HIDDEN_FROM_ATTENTION = -1e4  # after the softmax exactly zero in float32, and finite in float16
_LOWEST_FRAME = -2.0  # log-mel frames below this are padding


@dataclass(frozen=True)
class Sizes:
    """Sizes that determine the weights."""

    vocabulary: int
    answers: int
    hidden: int = 128
    heads: int = 4
    feed_forward: int = 256
    own_layers: int = 3
    fused_layers: int = 2
    image: int = 64  # pixels, side
    patch: int = 8  # pixels, side
    longest_text: int = 64  # tokens
    mels: int = 80
    audio_channels: tuple[int, int] = (64, 128)
    audio_positions: int = 128  # tokens of 80 ms; later ones share the last position
    audio_blocks: int = 3
    audio_context: int = 5  # tokens mixed by a block
    sensors: int = 4  # readings


class Outputs(NamedTuple):
    """The graph's outputs: logits [batch, answers], then five embeddings [batch, hidden], normalised (0 if absent)."""

    logits: torch.Tensor
    embedding: torch.Tensor
    image_embedding: torch.Tensor
    text_embedding: torch.Tensor
    audio_embedding: torch.Tensor
    sensors_embedding: torch.Tensor


class Layer(nn.Module):
    """Attention, then a feed-forward part, each pre-norm and residual."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention_norm = nn.LayerNorm(sizes.hidden, eps=1e-5)
        self.query_key_value = nn.Linear(sizes.hidden, 3 * sizes.hidden)
        self.projection = nn.Linear(sizes.hidden, sizes.hidden)
        self.feed_forward_norm = nn.LayerNorm(sizes.hidden, eps=1e-5)
        self.widen = nn.Linear(sizes.hidden, sizes.feed_forward)
        self.narrow = nn.Linear(sizes.feed_forward, sizes.hidden)

    def forward(self, tokens: torch.Tensor, bias: torch.Tensor | None, count: int | None = None) -> torch.Tensor:
        """``tokens`` [batch, n, hidden], ``bias`` [batch, 1, 1, n]; returns the first ``count`` of n, by default
        all."""
        batch, hidden = tokens.shape[0], self.projection.in_features
        normed = self.attention_norm(tokens)
        weight, offset = self.query_key_value.weight, self.query_key_value.bias
        query = functional.linear(normed[:, :count], weight[:hidden], offset[:hidden])
        key, value = functional.linear(normed, weight[hidden:], offset[hidden:]).split(hidden, dim=2)
        context = self._attend(self._split(query), self._split(key), self._split(value), bias)
        tokens = tokens[:, :count] + self.projection(context.transpose(1, 2).reshape(batch, -1, hidden))
        return tokens + self.narrow(functional.gelu(self.widen(self.feed_forward_norm(tokens))))

    @staticmethod
    def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Attention over [batch, heads, n, hidden / heads], written out.

        PyTorch's own takes half of a training step in bfloat16 on a CPU.
        """
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        return (scores if bias is None else scores + bias).softmax(dim=3) @ value

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        """[batch, n, hidden] to [batch, heads, n, hidden / heads]."""
        width = self.projection.in_features // self.heads
        return states.reshape(states.shape[0], -1, self.heads, width).transpose(1, 2)


class AudioBlock(nn.Module):
    """Mixes neighbouring tokens within each channel, then the channels within each token; residual."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(sizes.hidden, eps=1e-5)
        context = sizes.audio_context
        self.neighbours = nn.Conv1d(sizes.hidden, sizes.hidden, context, padding=context // 2, groups=sizes.hidden)
        self.channels = nn.Linear(sizes.hidden, sizes.hidden)
        nn.init.zeros_(self.channels.weight)  # starts as the identity
        nn.init.zeros_(self.channels.bias)

    def forward(self, tokens: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """``tokens`` [batch, n, hidden], ``real`` [batch, n] of 1 or 0; padding is zeroed before it is mixed."""
        mixed = self.neighbours((self.norm(tokens) * real[:, :, None]).transpose(1, 2)).transpose(1, 2)
        return tokens + self.channels(functional.gelu(mixed))


class AudioFrontEnd(nn.Module):
    """Three convolutions, each halving the frame rate, to one token per 80 ms; then blocks that mix a few tokens."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        narrow, wide = sizes.audio_channels
        channels = (sizes.mels, narrow, wide, sizes.hidden)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel_size=3, stride=2, padding=1)
            for before, after in zip(channels[:-1], channels[1:], strict=True)
        )
        self.blocks = nn.ModuleList(AudioBlock(sizes) for _ in range(sizes.audio_blocks))

    def forward(self, log_mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``log_mel`` [batch, mels, frames] to tokens [batch, frames / 8, hidden] and 1 or 0 each, [batch, frames / 8].

        Padding is zeroed before every convolution, so that it equals the end of a shorter recording.
        """
        real = (log_mel[:, :1] > _LOWEST_FRAME).to(log_mel.dtype)
        states = log_mel * real
        for convolution in self.convolutions:
            real = real[:, :, ::2]
            states = functional.gelu(convolution(states)) * real
        tokens, real = states.transpose(1, 2), real[:, 0]
        for block in self.blocks:
            tokens = block(tokens, real)
        return tokens, real


class SensorFrontEnd(nn.Module):
    """One token from all readings."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.widen = nn.Linear(sizes.sensors, sizes.hidden)
        self.narrow = nn.Linear(sizes.hidden, sizes.hidden)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        """``readings`` [batch, sensors] to [batch, 1, hidden]."""
        return self.narrow(functional.gelu(self.widen(readings)))[:, None]


class Student(nn.Module):
    """See the module's docstring."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        hidden, patches = sizes.hidden, (sizes.image // sizes.patch) ** 2
        self.patches = nn.Conv2d(3, hidden, kernel_size=sizes.patch, stride=sizes.patch)
        self.image_start = nn.Parameter(_small(1, 1, hidden))
        self.image_positions = nn.Parameter(_small(1, 1 + patches, hidden))
        self.words = nn.Parameter(_small(sizes.vocabulary, hidden))
        self.text_positions = nn.Parameter(_small(sizes.longest_text, hidden))
        self.audio = AudioFrontEnd(sizes)
        self.audio_start = nn.Parameter(_small(1, 1, hidden))
        self.audio_positions = nn.Parameter(_small(sizes.audio_positions, hidden))
        self.sensors = SensorFrontEnd(sizes)
        self.modalities = nn.Parameter(torch.zeros(len(MODALITIES), hidden))
        self.own = nn.ModuleList(Layer(sizes) for _ in range(sizes.own_layers))
        self.summary_norm = nn.LayerNorm(hidden, eps=1e-5)
        self.summary_projections = nn.ModuleList(nn.Linear(hidden, hidden) for _ in MODALITIES)
        self.fusion_start = nn.Parameter(_small(1, 1, hidden))
        self.fused = nn.ModuleList(Layer(sizes) for _ in range(sizes.fused_layers))
        self.fusion_norm = nn.LayerNorm(hidden, eps=1e-5)
        self.fusion_projection = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, sizes.answers)
        nn.init.normal_(self.classifier.weight, std=1.0)  # its input is a normalised vector

    def forward(
        self,
        image: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        log_mel: torch.Tensor,
        sensors: torch.Tensor,
        presence: torch.Tensor,
    ) -> Outputs:
        """Answers from the present modalities.

        image: [batch, 3, 64, 64] float, normalised as for BLIP
        input_ids, attention_mask: [batch, tokens] int64
        log_mel: [batch, 80, frames] float, Whisper's log-mel; padding frames below -2
        sensors: [batch, 4] float, red, green, blue and clear light in 0..1
        presence: [batch, 4] float, 1 where the sample has that modality (image, text, audio, sensors), else 0
        """
        own = [
            self.image_states(image),
            self.text_states(input_ids, attention_mask),
            self.audio_states(log_mel),
            self.sensor_states(sensors),
        ]
        return self.fuse(own, presence)

    def image_states(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The picture's tokens after the shared layers, and a mask of ones: [batch, 65, hidden], [batch, 65]."""
        patches = self.patches(image).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.image_start.expand(image.shape[0], -1, -1), patches], dim=1) + self.image_positions
        return self._own(tokens, None, modality=0), torch.ones_like(tokens[:, :, 0])

    def text_states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The question's tokens after the shared layers, and a mask of the real ones: [batch, tokens, hidden], [batch,
        tokens]."""
        tokens = functional.embedding(input_ids, self.words) + self.text_positions[: input_ids.shape[1]]
        real = attention_mask.to(tokens.dtype)
        return self._own(tokens, real, modality=1), real

    def audio_states(self, log_mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The recording's tokens after the shared layers, and a mask of the real ones: [batch, n, hidden], [batch,
        n]."""
        heard, real = self.audio(log_mel)
        place = torch.arange(heard.shape[1]).clamp(max=self.sizes.audio_positions - 1)
        tokens = torch.cat(
            [self.audio_start.expand(heard.shape[0], -1, -1), heard + self.audio_positions[place]], dim=1
        )
        real = torch.cat([torch.ones_like(real[:, :1]), real], dim=1)
        return self._own(tokens, real, modality=2), real

    def sensor_states(self, readings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The readings' token after the shared layers, and a mask of ones: [batch, 1, hidden], [batch, 1]."""
        tokens = self.sensors(readings)
        return self._own(tokens, None, modality=3), torch.ones_like(tokens[:, :, 0])

    def fuse(self, own: list[tuple[torch.Tensor, torch.Tensor]], presence: torch.Tensor) -> Outputs:
        """Outputs from every modality's states and masks; see ``forward`` for ``presence``."""
        logits, embedding = self.decide(own, presence)
        summaries = [
            self.summary(states, index) * presence[:, index : index + 1] for index, (states, _) in enumerate(own)
        ]
        return Outputs(logits, embedding, *summaries)

    def decide(
        self, own: list[tuple[torch.Tensor, torch.Tensor]], presence: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits and the fused embedding; a modality that no sample has may have no tokens."""
        start = self.fusion_start.expand(presence.shape[0], -1, -1)
        seen = [torch.ones_like(start[:, :, 0])]
        seen += [real * presence[:, index : index + 1] for index, (_, real) in enumerate(own)]
        tokens = torch.cat([start, *(states for states, _ in own)], dim=1)
        bias = _bias(torch.cat(seen, dim=1))
        for number, layer in enumerate(self.fused, start=1):
            tokens = layer(tokens, bias, count=1 if number == len(self.fused) else None)
        embedding = functional.normalize(self.fusion_projection(self.fusion_norm(tokens[:, 0])), dim=1)
        return self.classifier(embedding), embedding

    def summary(self, states: torch.Tensor, modality: int) -> torch.Tensor:
        """One modality's normalised embedding: [batch, hidden]."""
        return functional.normalize(self.summary_projections[modality](self.summary_norm(states[:, 0])), dim=1)

    def _own(self, tokens: torch.Tensor, real: torch.Tensor | None, modality: int) -> torch.Tensor:
        bias = None if real is None else _bias(real)
        tokens = tokens + self.modalities[modality]
        for layer in self.own:
            tokens = layer(tokens, bias)
        return tokens


def begin_with(student: Student, weights: dict[str, torch.Tensor]) -> None:
    """Copies the ``weights`` of a student that may have fewer modalities or parts; missing ones are left unchanged."""
    mine = student.state_dict()
    with torch.no_grad():
        for name, weight in weights.items():
            if name in mine:
                mine[name][tuple(map(slice, weight.shape))] = weight


def _bias(seen: torch.Tensor) -> torch.Tensor:
    """Mask [batch, n] of 1 (visible) and 0 to a bias of attention scores, [batch, 1, 1, n]."""
    return ((1.0 - seen) * HIDDEN_FROM_ATTENTION)[:, None, None, :]


def _small(*shape: int) -> torch.Tensor:
    return torch.randn(*shape) * 0.02
