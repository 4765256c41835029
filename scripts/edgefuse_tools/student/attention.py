"""Attention over each sample's own tokens: [batch, tokens, hidden] throughout, with masks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgefuse_tools.student.model import HIDDEN_FROM_ATTENTION


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al.) from some tokens to others, or to themselves."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError(f"hidden {hidden} is not a multiple of {heads} heads")
        self.hidden, self.heads = hidden, heads
        self.query = nn.Linear(hidden, hidden)
        self.key_value = nn.Linear(hidden, 2 * hidden)
        self.projection = nn.Linear(hidden, hidden)

    def forward(self, tokens: torch.Tensor, others: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Attention output of ``tokens`` [batch, n, hidden] over ``others`` [batch, m, hidden]: [batch, n, hidden].

        seen: [batch, m] of 1 (may be attended to) and 0, with at least one 1 per sample
        """
        return self.projection(self._join(self.weights(tokens, others, seen) @ self._values(others)))

    def weights(self, tokens: torch.Tensor, others: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Attention weights [batch, heads, n, m]; each row sums to 1."""
        query = self._split(self.query(tokens))
        key = self._split(self.key_value(others).split(self.hidden, dim=2)[0])
        bias = ((1.0 - seen) * HIDDEN_FROM_ATTENTION)[:, None, None, :]
        return (query @ key.transpose(2, 3) * (self.hidden // self.heads) ** -0.5 + bias).softmax(dim=3)

    def _values(self, others: torch.Tensor) -> torch.Tensor:
        return self._split(self.key_value(others).split(self.hidden, dim=2)[1])

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        """[batch, n, hidden] to [batch, heads, n, hidden / heads]."""
        return states.reshape(states.shape[0], -1, self.heads, self.hidden // self.heads).transpose(1, 2)

    def _join(self, states: torch.Tensor) -> torch.Tensor:
        return states.transpose(1, 2).reshape(states.shape[0], -1, self.hidden)


class AttentionBlock(nn.Module):
    """Attention and a feed-forward part, each pre-norm and residual."""

    def __init__(self, hidden: int, heads: int, feed_forward: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.others_norm = nn.LayerNorm(hidden)
        self.attention = Attention(hidden, heads)
        self.feed_forward_norm = nn.LayerNorm(hidden)
        self.widen = nn.Linear(hidden, feed_forward)
        self.narrow = nn.Linear(feed_forward, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: torch.Tensor, others: torch.Tensor | None, seen: torch.Tensor) -> torch.Tensor:
        """``tokens`` after attending to ``others``, or to themselves; see ``Attention`` for ``seen``."""
        normed = self.norm(tokens)
        gathered = self.attention(normed, normed if others is None else self.others_norm(others), seen)
        tokens = tokens + self.dropout(gathered)
        wide = functional.gelu(self.widen(self.feed_forward_norm(tokens)))
        return tokens + self.dropout(self.narrow(wide))


class SharedAttention(nn.Module):
    """One stack of blocks over the tokens of all modalities together, each token marked with its modality.

    Attention masks the absent modalities of a sample, so that their inputs have no effect.
    """

    def __init__(
        self, modalities: int, hidden: int, heads: int, feed_forward: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.modalities = nn.Parameter(torch.randn(modalities, hidden) * 0.02)
        self.start = nn.Parameter(torch.randn(1, 1, hidden) * 0.02)
        self.blocks = nn.ModuleList(AttentionBlock(hidden, heads, feed_forward, dropout) for _ in range(layers))

    def forward(self, own: list[tuple[torch.Tensor, torch.Tensor]], presence: torch.Tensor) -> torch.Tensor:
        """State of an additional token that attends to all others: [batch, hidden].

        own: for each modality its tokens [batch, n, hidden] and a mask of the real ones, [batch, n] of 1 and 0
        presence: [batch, modalities], the modalities that a sample has
        """
        start = self.start.expand(presence.shape[0], -1, -1)
        marked = [tokens + self.modalities[index] for index, (tokens, _) in enumerate(own)]
        real = [real * presence[:, index : index + 1] for index, (_, real) in enumerate(own)]
        tokens = torch.cat([start, *marked], dim=1)
        seen = torch.cat([torch.ones_like(start[:, :, 0]), *real], dim=1)
        for block in self.blocks:
            tokens = block(tokens, None, seen)
        return tokens[:, 0]
