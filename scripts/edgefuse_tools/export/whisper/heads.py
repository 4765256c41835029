"""Heads of Whisper's cross-attention that follow time, for models that do not list them.

The lists are `_ALIGNMENT_HEADS` of openai-whisper's `__init__.py`, unpacked.
"""

from __future__ import annotations

from edgefuse_tools.export.whisper.tokens import MULTILINGUAL_VOCAB

Heads = dict[int, tuple[int, ...]]
"""Decoder layer to its heads."""

LATEST_VOCAB = 51_866
"""Vocabulary size of large-v3 and turbo, which support one more language."""

ENGLISH: dict[tuple[int, int], Heads] = {
    (4, 6): {1: (0,), 2: (0, 5), 3: (0, 1, 2, 3, 4)},
    (6, 8): {3: (3,), 4: (7,), 5: (1, 5, 7)},
    (12, 12): {6: (6,), 7: (0, 3, 8), 8: (2, 5, 7), 9: (0, 4, 8, 10), 10: (0, 1, 2, 3, 6, 11), 11: (2, 4)},
    (24, 16): {
        11: (4,),
        14: (1, 12, 14),
        15: (4,),
        16: (0, 4, 9),
        17: (12, 14),
        18: (7, 10, 15),
        20: (0, 3, 9, 14),
        21: (12,),
    },
}
"""English-only models, by the decoder's layers and heads."""

MULTILINGUAL: dict[tuple[int, int], Heads] = {
    (4, 6): {2: (2,), 3: (0, 2, 3, 4, 5)},
    (6, 8): {3: (1,), 4: (2, 3, 7), 5: (1, 2, 4, 6)},
    (12, 12): {5: (3, 9), 8: (0, 4, 7, 8), 9: (0, 7, 9), 10: (5,)},
    (24, 16): {13: (15,), 15: (4, 15), 16: (1,), 20: (0,), 23: (4,)},
    (32, 20): {
        10: (12,),
        13: (17,),
        16: (11, 12, 13),
        17: (15, 16),
        18: (4, 11, 19),
        19: (11,),
        21: (2, 3),
        22: (3, 9, 12),
        23: (5, 7, 13),
        25: (5,),
        26: (1, 12),
        27: (15,),
    },
}
"""Multilingual models. Large v1 has the same sizes as v2, whose heads are listed."""

LATEST: dict[tuple[int, int], Heads] = {
    (32, 20): {7: (0,), 10: (17,), 12: (18,), 13: (12,), 16: (1,), 17: (14,), 19: (11,), 21: (4,), 24: (1,), 25: (6,)},
    (4, 20): {2: (4, 11), 3: (3, 6, 11, 14)},
}
"""Large-v3 and turbo."""


def default_alignment_heads(layers: int, heads: int, vocab: int) -> list[list[int]]:
    """[layer, head] of OpenAI's model of this size; for any other, the upper half of the decoder, as in
    openai-whisper."""
    table = ENGLISH if vocab < MULTILINGUAL_VOCAB else LATEST if vocab >= LATEST_VOCAB else MULTILINGUAL
    known = table.get((layers, heads), {layer: tuple(range(heads)) for layer in range(layers // 2, layers)})
    return [[layer, head] for layer, chosen in known.items() for head in chosen]
