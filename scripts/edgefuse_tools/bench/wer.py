"""Word error rate under Whisper's own text normalisation."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefuse_tools.bench.errors import BenchError

Normalizer = Callable[[str], str]


@dataclass(frozen=True)
class Score:
    """Word errors (substitutions, insertions and deletions) and the words of the references."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        return self.errors / self.words if self.words else float(self.errors > 0)


def word_errors(reference: Sequence[str], found: Sequence[str]) -> int:
    """Levenshtein's distance between two lists of words."""
    row = list(range(len(found) + 1))
    for above, word in enumerate(reference):
        previous, row[0] = row[0], above + 1
        for column, other in enumerate(found, 1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (word != other))
    return row[-1]


def score(pairs: Iterable[tuple[str, str]], normalize: Normalizer) -> Score:
    """Over all (reference, transcript) pairs together, as usual: long recordings count more."""
    errors = words = 0
    for reference, found in pairs:
        expected = normalize(reference).split()
        errors += word_errors(expected, normalize(found).split())
        words += len(expected)
    return Score(errors, words)


def whisper_normalizer(english_only: bool) -> Normalizer:
    """openai-whisper's `EnglishTextNormalizer`, or its `BasicTextNormalizer` for multilingual models.

    The submodule is imported by its path: `import whisper` would load PyTorch.
    """
    folder = whisper_folder() / "normalizers"
    name = "bench_whisper_normalizers"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EnglishTextNormalizer() if english_only else module.BasicTextNormalizer()


def whisper_folder() -> Path:
    """The folder of the installed openai-whisper, without importing it."""
    spec = importlib.util.find_spec("whisper")
    if spec is None or not spec.submodule_search_locations:
        raise BenchError("openai-whisper is not installed; run `python scripts/bench.py setup`")
    return Path(spec.submodule_search_locations[0])
