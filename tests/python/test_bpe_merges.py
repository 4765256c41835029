"""Missing merges of a tokenizer.json are restored in their places."""

from __future__ import annotations

from typing import Any

import pytest

from edgefuse_tools.export.whisper.bpe_merges import complete_merges

BYTES = {f"<{number}>": number for number in range(252)} | {"Ġ": 252, "t": 253, "h": 254, "e": 255}
MERGES = ["Ġ t", "h e", "Ġt he"]
VOCABULARY = BYTES | {"Ġt": 256, "he": 257, "Ġthe": 258, "<|endoftext|>": 259}


def model(merges: list[Any]) -> dict[str, Any]:
    return {"vocab": dict(VOCABULARY), "merges": merges}


def test_a_complete_list_is_unchanged() -> None:
    whole = model(list(MERGES))
    assert complete_merges(whole) == 0
    assert whole["merges"] == MERGES


@pytest.mark.parametrize("lost", range(len(MERGES)))
def test_a_missing_merge_is_restored_in_its_place(lost: int) -> None:
    short = model([merge for at, merge in enumerate(MERGES) if at != lost])
    assert complete_merges(short) == 1
    assert short["merges"] == MERGES


def test_merges_may_be_pairs() -> None:
    short = model([["h", "e"], ["Ġt", "he"]])
    assert complete_merges(short) == 1
    assert short["merges"] == [["Ġ", "t"], ["h", "e"], ["Ġt", "he"]]
