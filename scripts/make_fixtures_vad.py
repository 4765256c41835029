"""Writes tests/fixtures/vad: what the package silero-vad computes, for the Rust tests to compare with.

    python scripts/make_fixtures_vad.py      # needs scripts/requirements/fixtures.txt

Nothing of the model is in it. The format is in tests/fixtures/README.md.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from export.vad_weights import CHUNK_SAMPLES
from parity.fixture_file import FixtureFile
from parity.silero import Options, Silero, stretches_of
from parity.speech import read_speech

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests/data"
OUT = ROOT / "tests/fixtures/vad"

SPEECH = [*sorted(DATA.glob("librivox-*.wav")), *sorted(DATA.glob("cards-*.wav")), *sorted(DATA.glob("question-*.wav"))]
PAUSES = [20_011, 800, 36_000, 4_321, 64_000, 1, 9_600, 47_999, 15_000, 3_200, 33_333, 8_000, 24_000, 5_000]
"""Samples of silence before each recording, and at the end: from none to speak of to four seconds."""

FOREVER = 1e9
"""Seconds that no stretch reaches: JSON has no infinity."""

CASES: list[Options] = [
    # Silero's defaults, faster-whisper's, and those it has for batches.
    {"threshold": 0.5, "min_speech_ms": 250, "min_silence_ms": 100, "pad_ms": 30, "max_speech_s": FOREVER},
    {"threshold": 0.5, "min_speech_ms": 0, "min_silence_ms": 2000, "pad_ms": 400, "max_speech_s": FOREVER},
    {"threshold": 0.5, "min_speech_ms": 0, "min_silence_ms": 160, "pad_ms": 400, "max_speech_s": 30.0},
    # Ours.
    {"threshold": 0.5, "min_speech_ms": 250, "min_silence_ms": 2000, "pad_ms": 400, "max_speech_s": 30.0},
    # Stretches that have to be cut, at a pause and where there is none.
    {"threshold": 0.5, "min_speech_ms": 250, "min_silence_ms": 2000, "pad_ms": 100, "max_speech_s": 6.0},
    {"threshold": 0.5, "min_speech_ms": 250, "min_silence_ms": 500, "pad_ms": 0, "max_speech_s": 1.5},
    # Other thresholds; nothing but long stretches; no silence too short.
    {"threshold": 0.9, "min_speech_ms": 250, "min_silence_ms": 100, "pad_ms": 30, "max_speech_s": FOREVER},
    {"threshold": 0.3, "neg_threshold": 0.05, "min_speech_ms": 0, "min_silence_ms": 300, "pad_ms": 200, "max_speech_s": 20.0},
    {"threshold": 0.5, "min_speech_ms": 1500, "min_silence_ms": 100, "pad_ms": 1000, "max_speech_s": FOREVER},
    {"threshold": 0.5, "min_speech_ms": 0, "min_silence_ms": 0, "pad_ms": 0, "max_speech_s": 2.0},
]  # fmt: skip

SEED = 20_260_701
WALKS = 4
WALK_CHUNKS = 700
WALK_CASES = 15


def main() -> int:
    silero, values = Silero(), FixtureFile()
    content = {
        "made_with": {"silero-vad": version("silero-vad")},
        "recording": recording(silero, values),
        "walks": walks(values),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    print(f"silero-vad: {values.write(OUT, 'silero-vad', content)} bytes", file=sys.stderr)
    return 0


def recording(silero: Silero, values: FixtureFile) -> dict[str, Any]:
    """All the speech of the test data with pauses between: probabilities, and the stretches of each case."""
    parts: list[np.ndarray] = []
    for pause, path in zip(PAUSES, SPEECH):
        parts += [np.zeros(pause, np.float32), read_speech(path)]
    samples = np.concatenate([*parts, np.zeros(PAUSES[-1], np.float32)])
    return {
        "audio": [path.relative_to(ROOT).as_posix() for path in SPEECH],
        "pauses": PAUSES,
        "samples": len(samples),
        "speech": values.add(silero.probabilities(samples)),
        "cases": [{"options": case, "stretches": silero.stretches(samples, case)} for case in CASES],
    }


def walks(values: FixtureFile) -> list[dict[str, Any]]:
    """Probabilities that wander at random, for the rules that speech seldom meets, with options drawn at random."""
    random = np.random.default_rng(SEED)
    found = []
    for _ in range(WALKS):
        # Speech and silence of any length, with wavering between.
        level = np.repeat(random.random(WALK_CHUNKS), random.geometric(1 / random.integers(2, 12), WALK_CHUNKS))
        level = level[:WALK_CHUNKS] + random.normal(0, 0.15, WALK_CHUNKS)
        probabilities = np.clip(level, 0, 1).astype(np.float32)
        samples = WALK_CHUNKS * CHUNK_SAMPLES - int(random.integers(CHUNK_SAMPLES))
        cases = []
        for _ in range(WALK_CASES):
            pad_ms = int(random.choice([0, 30, 100, 400]))
            options: Options = {
                "threshold": float(random.choice([0.3, 0.5, 0.7])),
                "min_speech_ms": int(random.choice([0, 100, 250, 1000])),
                "min_silence_ms": int(random.choice([0, 32, 100, 300, 1000, 2000])),
                "pad_ms": pad_ms,
                "max_speech_s": float(random.choice([1, 3, 10, FOREVER])) + 2 * pad_ms / 1000,
            }
            cases.append({"options": options, "stretches": stretches_of(probabilities, samples, options)})
        found.append({"samples": samples, "speech": values.add(probabilities), "cases": cases})
    return found


if __name__ == "__main__":
    sys.exit(main())
