"""Token ids for Whisper's decoding rules, from `tokenizer.json` and the generation settings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.whisper.bpe_merges import complete_merges

TOKENIZER = "tokenizer.json"
TIMESTAMPS = 1501
"""<|0.00|> to <|30.00|>, every 0.02 s. They follow <|notimestamps|>; many tokenizer.json omit them."""

MULTILINGUAL_VOCAB = 51865
"""openai-whisper's `is_multilingual`: the smallest vocabulary with the multilingual tokens."""

_SYMBOLS = list('"#()*+/:;<=>@[\\]^_`{|}~「」『』')
_SYMBOLS += "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split()
_MUSIC = list("♩♪♫♬♭♮♯")


class WhisperTokenizer:
    """The parts of a `tokenizer.json` that an export needs."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ExportError(f"{path}: no such file; the exporter reads only this tokenizer format")
        content = read_json(path.parent, path.name)
        try:
            self._repaired = content if complete_merges(content["model"]) else None
            self.special = {str(token["content"]): int(token["id"]) for token in content["added_tokens"]}
            self._vocab = {str(piece): int(number) for piece, number in content["model"]["vocab"].items()}
            pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in content["model"]["merges"])
            self._ranks = {(str(left), str(right)): rank for rank, (left, right) in enumerate(pairs)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ExportError(f"{path}: not the tokenizer.json of a byte-level BPE ({error!r})") from error
        self._path = path

    def write(self, target: Path) -> None:
        """Copies the file to `target`, with missing merges added."""
        if self._repaired is None:
            shutil.copyfile(self._path, target)
        else:
            target.write_text(json.dumps(self._repaired, ensure_ascii=False), encoding="utf-8")

    def id(self, *names: str) -> int:
        """Id of the special token that has one of these names."""
        for name in names:
            if name in self.special:
                return self.special[name]
        raise ExportError(f"{self._path}: special token {' or '.join(names)} is missing")

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, which must be a single word for the pre-tokeniser, such as symbols after an optional space."""
        pieces = [byte_letter(byte) for byte in text.encode("utf-8")]
        while len(pieces) > 1:
            ranked = [(self._ranks.get(pair, len(self._ranks)), at) for at, pair in enumerate(zip(pieces, pieces[1:]))]
            rank, at = min(ranked)
            if rank == len(self._ranks):
                break
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        try:
            return [self._vocab[piece] for piece in pieces]
        except KeyError as error:
            raise ExportError(f"{self._path}: piece {error} is missing in the vocabulary") from error


def token_section(tokenizer: WhisperTokenizer, multilingual: bool) -> dict[str, Any]:
    """`tokens` of `model.yaml`. An English-only model has one language, whose token is never fed."""
    start, translate = tokenizer.id("<|startoftranscript|>"), tokenizer.id("<|translate|>")
    languages = {name[2:-2]: number for name, number in tokenizer.special.items() if start < number < translate}
    if not multilingual:
        languages = {"en": tokenizer.id("<|en|>")}
    no_timestamps = tokenizer.id("<|notimestamps|>")
    return {
        "start_of_transcript": start,
        "end_of_text": tokenizer.id("<|endoftext|>"),
        "start_of_previous": tokenizer.id("<|startofprev|>"),
        "no_speech": tokenizer.id("<|nospeech|>", "<|nocaptions|>"),
        "no_timestamps": no_timestamps,
        "timestamp_begin": tokenizer.special.get("<|0.00|>", no_timestamps + 1),
        "translate": translate,
        "transcribe": tokenizer.id("<|transcribe|>"),
        "languages": dict(sorted(languages.items(), key=lambda entry: entry[1])),
    }


def suppressed(tokenizer: WhisperTokenizer, listed: Iterable[int] | None) -> list[int]:
    """Tokens that are never chosen: `listed`, or else the non-speech ones, and special tokens that are only inputs.

    As in openai-whisper's `DecodingTask._get_suppress_tokens`.
    """
    names = ("<|transcribe|>", "<|translate|>", "<|startoftranscript|>", "<|startofprev|>", "<|startoflm|>")
    fed = {tokenizer.id(name) for name in names} | {tokenizer.id("<|nospeech|>", "<|nocaptions|>")}
    return sorted(fed | set(non_speech_tokens(tokenizer) if listed is None else listed))


def begin_suppressed(tokenizer: WhisperTokenizer, listed: Iterable[int] | None) -> list[int]:
    """Tokens that are not chosen first: `listed`, or else the space and the end, as in openai-whisper's
    `SuppressBlank`."""
    return sorted([*tokenizer.encode(" "), tokenizer.id("<|endoftext|>")] if listed is None else listed)


def non_speech_tokens(tokenizer: WhisperTokenizer) -> set[int]:
    """Speaker tags and symbols that are not spoken, as in openai-whisper's `Tokenizer.non_speech_tokens`.

    Hyphens and single quotes are allowed between words, not at the beginning of one.
    """
    tokens = {tokenizer.encode(" -")[0], tokenizer.encode(" '")[0]}
    for symbol in _SYMBOLS + _MUSIC:
        for encoded in (tokenizer.encode(symbol), tokenizer.encode(" " + symbol)):
            if len(encoded) == 1 or symbol in _MUSIC:
                tokens.add(encoded[0])
    return tokens


def byte_letter(byte: int) -> str:
    """GPT-2's `bytes_to_unicode`: printable Latin-1 maps to itself, other bytes to letters from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    if byte in printable:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in printable].index(byte))
