"""Writes the tokenizer in a GGUF file as a tokenizer.json of the crate and package `tokenizers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.llm.gguf_file import GgufFile

CONTROL, USER_DEFINED, BYTE = 3, 4, 6
"""Types of tokens (llama.cpp, `llama_token_type`)."""

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS: dict[str, list[dict[str, Any]]] = {
    "llama-bpe": [{"pattern": rf"{_WORDS}|\p{{N}}{{1,3}}|{_REST}"}],
    "qwen2": [{"pattern": rf"{_WORDS}|\p{{N}}|{_REST}"}],
    "smollm": [{"digits": True}, {"gpt2": True}],
    "gpt-2": [{"gpt2": True}],
    "default": [{"gpt2": True}],
}
"""Pre-tokenizers of llama.cpp by name (`llama_vocab_pre_type`), as those of the models' own tokenizer.json."""

BEGIN_BY_DEFAULT = {"llama": True, "gpt2": False}
"""Whether texts begin with the begin token, if the file does not say."""


def tokenizer_json(file: GgufFile) -> dict[str, Any]:
    """The content of tokenizer.json."""
    tokens, kinds = file.field("tokenizer.ggml.tokens"), file.field("tokenizer.ggml.token_type")
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
        raise ExportError(f"{file.path}: no tokenizer (tokenizer.ggml.tokens)")
    kinds = kinds if isinstance(kinds, list) and len(kinds) == len(tokens) else [1] * len(tokens)
    model = file.field("tokenizer.ggml.model")
    if model == "gpt2":
        content = _byte_level(file, tokens)
    elif model == "llama":
        content = _sentence_piece(file, tokens, kinds)
    else:
        raise ExportError(f"{file.path}: tokenizer {model!r}; this exporter supports 'gpt2' and 'llama'")
    added = [
        {
            "id": number,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == CONTROL,
        }
        for number, (token, kind) in enumerate(zip(tokens, kinds))
        if kind in (CONTROL, USER_DEFINED)
    ]
    head = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added}
    return head | content | {"post_processor": _post_processor(file, tokens, str(model))}


def _byte_level(file: GgufFile, tokens: list[str]) -> dict[str, Any]:
    name = file.field("tokenizer.ggml.pre", "default")
    if name not in _SPLITS:
        known = ", ".join(_SPLITS)
        raise ExportError(f"{file.path}: pre-tokenizer {name!r}; this exporter supports {known}")
    steps: list[dict[str, Any]] = []
    for split in _SPLITS[name]:
        if "pattern" in split:
            steps.append(
                {"type": "Split", "pattern": {"Regex": split["pattern"]}, "behavior": "Isolated", "invert": False}
            )
            steps.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False})
        elif "digits" in split:
            steps.append({"type": "Digits", "individual_digits": True})
        else:
            steps.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True})
    merges = file.field("tokenizer.ggml.merges")
    if not isinstance(merges, list):
        raise ExportError(f"{file.path}: no tokenizer.ggml.merges")
    whole = name == "llama-bpe"
    return {
        "normalizer": {"type": "NFC"} if name == "qwen2" else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": _bpe(tokens, merges, ignore_merges=whole),
    }


def _sentence_piece(file: GgufFile, tokens: list[str], kinds: list[int]) -> dict[str, Any]:
    """SentencePiece's BPE: pairs merge in the order of the scores of their results."""
    scores = file.field("tokenizer.ggml.scores")
    if not isinstance(scores, list) or len(scores) != len(tokens):
        raise ExportError(f"{file.path}: no tokenizer.ggml.scores for each token")
    ranks = {token: number for number, token in enumerate(tokens)}
    usable = {token for token, kind in zip(tokens, kinds) if kind not in (CONTROL, BYTE)}
    found = []
    for token in usable:
        number = ranks[token]
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in usable and right in usable:
                found.append((-scores[number], number, ranks[left], ranks[right], left, right))
    merges = [f"{left} {right}" for *_, left, right in sorted(found)]
    prefixed = bool(file.field("tokenizer.ggml.add_space_prefix", True))
    normalizers: list[dict[str, Any]] = [{"type": "Prepend", "prepend": "▁"}] if prefixed else []
    normalizers.append({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prefixed:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    unknown = file.field("tokenizer.ggml.unknown_token_id", 0)
    model = _bpe(tokens, merges, ignore_merges=False) | {"byte_fallback": True, "fuse_unk": True}
    return {
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": model | {"unk_token": tokens[unknown] if 0 <= unknown < len(tokens) else None},
    }


def _bpe(tokens: list[str], merges: list[str], *, ignore_merges: bool) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": ignore_merges,
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": merges,
    }


def _post_processor(file: GgufFile, tokens: list[str], model: str) -> dict[str, Any] | None:
    """Puts the begin token before a text, if the model was trained so."""
    begin = file.field("tokenizer.ggml.bos_token_id")
    adds = file.field("tokenizer.ggml.add_bos_token", BEGIN_BY_DEFAULT[model])
    if not adds or not isinstance(begin, int) or not 0 <= begin < len(tokens):
        return None
    token, text = tokens[begin], {"Sequence": {"id": "A", "type_id": 0}}
    special = {"SpecialToken": {"id": token, "type_id": 0}}
    pair = [special, text, {"Sequence": {"id": "B", "type_id": 0}}]
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": pair,
        "special_tokens": {token: {"id": token, "ids": [begin], "tokens": [token]}},
    }


def file_of(path: Path) -> bool:
    """Whether `path` is a GGUF file by its name."""
    return path.suffix == ".gguf"
