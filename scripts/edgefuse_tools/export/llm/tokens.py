"""Tokenizer, special tokens and chat template of a model, from a Hugging Face folder or a GGUF file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.llm.gguf_file import GgufFile
from edgefuse_tools.export.llm.gguf_tokenizer import tokenizer_json

TOKENIZER = "tokenizer.json"
TEMPLATE = "chat_template.jinja"

ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<|endoftext|>",
    "<|end_of_text|>",
)
"""Tokens that end a turn or a text, by which llama.cpp recognises them."""


@dataclass(frozen=True)
class Language:
    """What a model reads and writes."""

    tokenizer: bytes
    """tokenizer.json"""
    template: str | None
    """The chat template; a base model has none."""
    begin: int | None
    """`bos_token` of the template."""
    end: int | None
    """`eos_token` of the template."""
    ends: list[int]
    """The tokens that end an answer."""

    def section(self) -> dict[str, Any]:
        """`tokens` of model.yaml."""
        named = {"begin": self.begin, "end": self.end}
        return {key: value for key, value in named.items() if value is not None} | {"ends": self.ends}


def of_gguf(file: GgufFile, vocabulary: int) -> Language:
    """Of a GGUF file whose logits have `vocabulary` rows."""
    content = tokenizer_json(file)
    tokens = file.field("tokenizer.ggml.tokens")
    _check_size(str(file.path), len(tokens), vocabulary)
    keys = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")
    numbers = [file.field(key) for key in keys]
    special = {token["content"]: token["id"] for token in content["added_tokens"]}
    ends = [number for number in numbers if isinstance(number, int)]
    ends += [special[text] for text in ENDS if text in special]
    template = file.field("tokenizer.chat_template")
    return Language(
        _dump(content),
        template if isinstance(template, str) else None,
        _token(file.field("tokenizer.ggml.bos_token_id"), len(tokens)),
        _token(numbers[0], len(tokens)),
        _checked_ends(str(file.path), ends, len(tokens)),
    )


def of_folder(folder: Path, vocabulary: int) -> Language:
    """Of a Hugging Face folder whose logits have `vocabulary` rows."""
    if not (folder / TOKENIZER).is_file():
        raise ExportError(
            f"{folder / TOKENIZER}: no such file; write it with transformers: AutoTokenizer.from_pretrained(...)"
            ".save_pretrained(...)"
        )
    content = read_json(folder, TOKENIZER)
    added = {token["content"]: token["id"] for token in content.get("added_tokens") or []}
    known = (content.get("model") or {}).get("vocab")
    if not isinstance(known, dict) or not known:
        raise ExportError(f"{folder / TOKENIZER}: no vocabulary")
    count = max([*added.values(), *known.values()]) + 1
    _check_size(str(folder / TOKENIZER), count, vocabulary)
    settings: dict[str, Any] = {}
    for name in ("config.json", "generation_config.json"):
        if (folder / name).is_file():
            settings |= {key: value for key, value in read_json(folder, name).items() if value is not None}
    ends = settings.get("eos_token_id")
    listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
    tokens = read_json(folder, "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}

    def named(key: str) -> int | None:
        text = tokens.get(key)
        text = text.get("content") if isinstance(text, dict) else text
        number = added.get(text, known.get(text)) if isinstance(text, str) else None
        return _token(number, count)

    return Language(
        _dump(content),
        _template(folder, tokens),
        named("bos_token"),
        named("eos_token"),
        _checked_ends(str(folder), [*listed, *(added[text] for text in ENDS if text in added)], count),
    )


def _template(folder: Path, tokens: dict[str, Any]) -> str | None:
    """The chat template: a file of its own, or in tokenizer_config.json, there also several by name."""
    if (folder / TEMPLATE).is_file():
        return (folder / TEMPLATE).read_text("utf-8")
    given = tokens.get("chat_template")
    if isinstance(given, list):
        named = {entry.get("name"): entry.get("template") for entry in given if isinstance(entry, dict)}
        given = named.get("default")
    return given if isinstance(given, str) else None


def _check_size(place: str, count: int, vocabulary: int) -> None:
    if count > vocabulary:
        raise ExportError(f"{place}: belongs to another model: it has {count} tokens, the model {vocabulary}")


def _token(number: Any, count: int) -> int | None:
    return number if isinstance(number, int) and 0 <= number < count else None


def _checked_ends(place: str, ends: list[Any], count: int) -> list[int]:
    kept = list(dict.fromkeys(number for number in ends if _token(number, count) is not None))
    if not kept:
        raise ExportError(f"{place}: no token that ends an answer (eos_token_id)")
    return kept


def _dump(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
