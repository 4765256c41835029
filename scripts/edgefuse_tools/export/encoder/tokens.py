"""The tokenizer.json of a checkpoint folder."""

from __future__ import annotations

from pathlib import Path

from edgefuse_tools.export.blip.wordpiece import dump_tokenizer, token_ids
from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError

NAME = "tokenizer.json"


def tokenizer_file(folder: Path, vocabulary: int) -> tuple[bytes, dict[str, int]]:
    """The content of tokenizer.json without truncation and padding, which are settings of one call, and its ids."""
    if not (folder / NAME).is_file():
        raise ExportError(f"{folder / NAME}: no such file; save the tokenizer with transformers' save_pretrained")
    tokenizer = read_json(folder, NAME)
    tokenizer["truncation"] = tokenizer["padding"] = None
    ids = token_ids(tokenizer)
    if not ids and isinstance(listed := (tokenizer.get("model") or {}).get("vocab"), list):
        # SentencePiece: pairs of a token and its score.
        ids = {token: at for at, (token, _) in enumerate(listed)}
    if not ids:
        raise ExportError(f"{folder / NAME}: no vocabulary (model.vocab)")
    token, largest = max(ids.items(), key=lambda item: item[1])
    if largest >= vocabulary:
        raise ExportError(f"{folder}: token {token!r} has id {largest}, but config.json has vocab_size {vocabulary}")
    return dump_tokenizer(tokenizer), ids


def token_id(folder: Path, ids: dict[str, int], token: str) -> int:
    if token not in ids:
        raise ExportError(f"{folder / NAME}: no token {token}")
    return ids[token]
