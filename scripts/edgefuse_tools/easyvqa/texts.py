"""Questions, answers and captions as padded token ids."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from edgefuse_tools.easyvqa import tokenizer

LONGEST_QUESTION = 16  # tokens


@dataclass(frozen=True)
class Texts:
    """Token ids and mask, [n, tokens] int64 each."""

    ids: torch.Tensor
    mask: torch.Tensor

    def rows(self, index: torch.Tensor) -> Texts:
        """The texts at ``index``, without the columns that are padding in all of them."""
        longest = int(self.mask[index].sum(dim=1).max())
        return Texts(self.ids[index, :longest], self.mask[index, :longest])


class TextEncoder:
    """Converts text to token ids as transformers' BLIP does."""

    def __init__(self, wordpiece: Tokenizer) -> None:
        self._wordpiece = wordpiece
        self.pad = tokenizer.vocabulary().index(tokenizer.PAD)
        self._start = tokenizer.vocabulary().index(tokenizer.DEC)

    def questions(self, texts: list[str]) -> Texts:
        """``[CLS] what color is the shape ? [SEP]``, truncated to 16 tokens."""
        return self._pad([self._wordpiece.encode(text).ids[:LONGEST_QUESTION] for text in texts])

    def targets(self, texts: list[str]) -> Texts:
        """Decoder targets: ``[DEC] blue [SEP]``."""
        return self._pad([[self._start, *self._wordpiece.encode(text).ids[1:]] for text in texts])

    def _pad(self, rows: list[list[int]]) -> Texts:
        ids = torch.full((len(rows), max(map(len, rows))), self.pad, dtype=torch.int64)
        for row, values in enumerate(rows):
            ids[row, : len(values)] = torch.tensor(values)
        return Texts(ids, (ids != self.pad).long())
