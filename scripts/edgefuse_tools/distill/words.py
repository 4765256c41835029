"""Tokenizer for the words of a manifest: whole words, and letters for unknown ones."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer

from edgefuse_tools.easyvqa import tokenizer
from edgefuse_tools.student.forms import Words

_SPECIAL = (tokenizer.PAD, tokenizer.UNK, tokenizer.CLS, tokenizer.SEP, tokenizer.MASK)
_MOST_WORDS = 4000
_MARGIN = 8  # tokens beyond the longest text


def words_of(texts: Iterable[str]) -> Words:
    """The form of such texts: common words are single tokens, rarer ones are spelled."""
    texts = list(texts)
    spelled = tokenizer.build([*_SPECIAL, *string.printable.split()])
    split = spelled.pre_tokenizer.pre_tokenize_str
    counts = Counter(word for text in texts for word, _ in split(spelled.normalizer.normalize_str(text)))
    common = sorted(word for word, _ in counts.most_common(_MOST_WORDS))
    letters = sorted({letter for word in counts for letter in word} | set(string.ascii_lowercase + string.digits))
    alone = [letter for letter in sorted({*letters, *string.punctuation}) if letter not in common]
    built: Tokenizer = tokenizer.build([*_SPECIAL, *common, *alone, *(f"##{letter}" for letter in letters)])
    longest = max(len(built.encode(text).ids) for text in texts)
    return Words(built, max_tokens=longest + _MARGIN, pad=0)
