"""Repair of byte-level BPE tokenizers whose list of merges lost entries on the way.

The tokenizer.json that travels with some CTranslate2 folders of Whisper lacks the first merge ("Ġ" + "t"), taken for the
header line of a merges.txt: text with " the" then becomes other tokens than OpenAI's, which an initial prompt or
hotwords would tell the model.
"""

from __future__ import annotations

from typing import Any

BYTES = 256
"""Tokens 0 to 255 are single bytes; each later one is made by the merge of the same rank."""


def complete_merges(model: dict[str, Any]) -> int:
    """Adds the merges that `model`, the "model" of a tokenizer.json, lacks; gives their number.

    A token longer than a byte that no merge makes gets the merge of its two parts that are tokens themselves, the later
    part of the two made as early as possible: what byte-pair encoding arrives at. Whole words that were added to the
    vocabulary by hand, which have no such parts, are left alone.
    """
    vocabulary: dict[str, int] = model.get("vocab") or {}
    merges: list[Any] = model.get("merges") or []
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    made = {"".join(pair) for pair in pairs}
    ranks = {token: rank for token, rank in vocabulary.items() if rank < BYTES + len(merges) + 1}
    missing = sorted((rank, token) for token, rank in ranks.items() if len(token) > 1 and token not in made)
    added = 0
    for rank, token in missing:
        splits = [(token[:at], token[at:]) for at in range(1, len(token))]
        known = [(left, right) for left, right in splits if ranks.get(left, rank) < rank > ranks.get(right, rank)]
        if not known:
            continue
        left, right = min(known, key=lambda parts: max(ranks[parts[0]], ranks[parts[1]]))
        place = min(max(rank - BYTES, 0), len(merges))
        merges.insert(place, f"{left} {right}" if not merges or isinstance(merges[0], str) else [left, right])
        added += 1
    return added
