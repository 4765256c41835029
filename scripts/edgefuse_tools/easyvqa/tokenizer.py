"""The small BERT (uncased WordPiece) tokenizer that the easy-VQA BLIP and the student share."""

from __future__ import annotations

import string
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from edgefuse_tools.easyvqa import questions
from edgefuse_tools.easyvqa.labels import ANSWERS

PAD, UNK, CLS, SEP, MASK, DEC, ENC = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"
#: Words that are in no template but that people use for the same questions (see ``questions.vary``).
_FURTHER_WORDS = ("colour", "grey", "picture", "an")


def vocabulary() -> list[str]:
    """Every piece, in id order.

    Whole words come first. Letters and digits follow, alone and as ``##`` continuations, so that an unlisted word is
    split into pieces instead of becoming unknown. BLIP's own two tokens come last, as in its checkpoints.
    """
    texts = [*questions.every_text(), *ANSWERS]
    words = sorted({word for text in texts for word in text.rstrip("?").split()} | set(_FURTHER_WORDS))
    characters = string.ascii_lowercase + string.digits
    alone = [character for character in characters + string.punctuation if character not in words]
    continuations = [f"##{character}" for character in characters]
    return [PAD, UNK, CLS, SEP, MASK, *words, *alone, *continuations, DEC, ENC]


def build(pieces: list[str] | None = None) -> Tokenizer:
    """The tokenizer, with other ``pieces`` if given; encoding adds ``[CLS]`` and ``[SEP]``."""
    ids = {piece: index for index, piece in enumerate(vocabulary() if pieces is None else pieces)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token=UNK, max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(CLS, ids[CLS]), (SEP, ids[SEP])],
    )
    tokenizer.decoder = WordPieceDecoder()
    tokenizer.add_special_tokens([special for special in (PAD, UNK, CLS, SEP, MASK, DEC, ENC) if special in ids])
    return tokenizer


def save_vocabulary(folder: Path) -> None:
    """Writes ``vocab.txt`` (one piece per line, line number = id) as in BERT checkpoints."""
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary()), encoding="utf-8")
