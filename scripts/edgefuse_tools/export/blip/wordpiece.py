"""The tokenizer of a BLIP folder as one `tokenizer.json`: copied from the checkpoint, or built from its `vocab.txt`.

The built one is BERT's uncased WordPiece, in the JSON format of the `tokenizers` library
(https://huggingface.co/docs/tokenizers): BertNormalizer, BertPreTokenizer, WordPiece, `[CLS] A [SEP]`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError

PAD, UNKNOWN, CLASSIFY, SEPARATOR, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"

# BLIP appends two tokens to BERT's vocabulary: the decoder's start, then the encoder's
# (https://github.com/salesforce/BLIP/blob/main/models/blip.py, init_tokenizer).
DECODE, ENCODE = "[DEC]", "[ENC]"


def load_tokenizer(folder: Path, start_id: int, vocab_size: int) -> dict[str, Any]:
    """The content of tokenizer.json for a checkpoint whose decoder starts with `start_id`.

    Truncation and padding are settings of one call, not of the model, so they are dropped from the file.
    """
    if (folder / "tokenizer.json").is_file():
        tokenizer = read_json(folder, "tokenizer.json")
        tokenizer["truncation"] = tokenizer["padding"] = None
    elif (folder / "vocab.txt").is_file():
        tokenizer = _from_vocabulary(folder, start_id, vocab_size)
    else:
        raise ExportError(f"{folder}: no tokenizer; expected tokenizer.json or vocab.txt")
    ids = token_ids(tokenizer)
    if not ids:
        raise ExportError(f"{folder / 'tokenizer.json'}: no vocabulary (model.vocab)")
    token, largest = max(ids.items(), key=lambda item: item[1])
    if largest >= vocab_size:
        raise ExportError(f"{folder}: token {token!r} has id {largest}, but config.json has vocab_size {vocab_size}")
    return tokenizer


def token_ids(tokenizer: dict[str, Any]) -> dict[str, int]:
    """Token -> id: the model's vocabulary and the added tokens."""
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict):
        return {}
    added = {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or []}
    return {**vocabulary, **added}


def special_id(folder: Path, tokenizer: dict[str, Any], token: str) -> int:
    """The id of one of BERT's special tokens, which every BLIP needs."""
    ids = token_ids(tokenizer)
    if token not in ids:
        raise ExportError(f"{folder}: the tokenizer has no {token} token; is it a BERT vocabulary?")
    return ids[token]


def _from_vocabulary(folder: Path, start_id: int, vocab_size: int) -> dict[str, Any]:
    """tokenizer.json from vocab.txt: one token per line; its id is the line number, counted from 0."""
    path = folder / "vocab.txt"
    try:
        lines = path.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: not UTF-8 text ({error})") from error
    if lines and not lines[-1]:
        lines.pop()
    # Strip only the line ending, which may be \r\n: a token may itself be unusual white space.
    vocabulary = {line.removesuffix("\r"): index for index, line in enumerate(lines)}
    for token in (UNKNOWN, CLASSIFY, SEPARATOR):
        if token not in vocabulary:
            raise ExportError(f"{path}: no {token} line; is it a BERT vocabulary?")
    special = {token: vocabulary[token] for token in (PAD, UNKNOWN, CLASSIFY, SEPARATOR, MASK) if token in vocabulary}
    # BLIP's own two tokens are in vocab.txt, or only in config.json: BERT's file of 30,522 lines with vocab_size
    # 30,524.
    for token, index in ((DECODE, start_id), (ENCODE, start_id + 1)):
        if token in vocabulary:
            special[token] = vocabulary[token]
        elif len(vocabulary) <= index < vocab_size:
            special[token] = index
    settings = read_json(folder, "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(token, index) for token, index in sorted(special.items(), key=lambda t: t[1])],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
            "strip_accents": settings.get("strip_accents"),
            "lowercase": settings.get("do_lower_case", True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _post_processor(vocabulary),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }


def _added_token(content: str, index: int) -> dict[str, Any]:
    return {
        "id": index,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


def _post_processor(vocabulary: dict[str, int]) -> dict[str, Any]:
    """`[CLS] A [SEP]`, and for a pair `[CLS] A [SEP] B [SEP]` with type 1 for the second part, as in BERT."""

    def special(token: str, type_id: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": type_id}}

    def sequence(name: str, type_id: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": type_id}}

    single = [special(CLASSIFY, 0), sequence("A", 0), special(SEPARATOR, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, sequence("B", 1), special(SEPARATOR, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [vocabulary[token]], "tokens": [token]} for token in (CLASSIFY, SEPARATOR)
        },
    }


def dump_tokenizer(tokenizer: dict[str, Any]) -> bytes:
    """The bytes of tokenizer.json."""
    return json.dumps(tokenizer, ensure_ascii=False, indent=1).encode() + b"\n"
