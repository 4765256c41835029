"""Repairs byte-level BPE tokenizers whose list of merges is incomplete.

The tokenizer.json of some CTranslate2 folders of Whisper lacks the first merge ("Ġ" + "t"), which was mistaken for the
header line of a merges.txt: text with " the", in an initial prompt or hotwords, then becomes other tokens than
OpenAI's.
"""

from __future__ import annotations

from typing import Any

BYTES = 256
"""Tokens 0 to 255 are single bytes; each later one results from the merge of the same rank."""


def complete_merges(model: dict[str, Any]) -> int:
    """Adds the merges that are missing in `model`, the "model" of a tokenizer.json; returns their number.

    A token longer than a byte that no merge produces gets the merge of two parts that are tokens themselves, the later
    of which has the lowest possible rank, as byte-pair encoding would choose. Whole words that were added to the
    vocabulary by hand have no such parts and are left alone.
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
