"""Writes tests/fixtures/tiny: made models for tests that need a model but not its texts. Needs the set-up alone.

    python scripts/make_fixtures_tiny.py

Two tiny Whispers with seeded random weights, and a detector of speech that goes by the level. tests/fixtures/README.md
says what they do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from export.graph import Dialect
from export.precision import Precision
from export.whisper import export_whisper
from parity import vad_level, whisper_random

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures/tiny"
EXPORTER = "scripts/make_fixtures_tiny.py"

WHISPERS: dict[str, tuple[bool, int, list[Precision]]] = {
    "whisper.en": (False, 1, [Precision.FP32, Precision.INT8, Precision.Q8]),
    "whisper": (True, 2, [Precision.FP32]),
}
"""By folder: whether it is multilingual, the seed, and the precisions."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR")
    out: Path = parser.parse_args(arguments).out
    vad_level.save(out / "vad", name="tiny-vad", exporter=EXPORTER)
    for name, (multilingual, seed, precisions) in WHISPERS.items():
        with tempfile.TemporaryDirectory() as parent:
            checkpoint = Path(parent) / "random"
            whisper_random.save(checkpoint, multilingual=multilingual, seed=seed)
            export_whisper(
                checkpoint,
                out / name,
                name=f"tiny-{name}",
                dialect=Dialect.ORT,
                precisions=precisions,
                origin=EXPORTER,
                license_name="MIT",
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
