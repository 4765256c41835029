"""Everything behind the Python programs in scripts/: set-up, exporters, training, fixtures, checks, benchmarks."""

from __future__ import annotations

from pathlib import Path

#: Root of the repository.
ROOT = Path(__file__).resolve().parents[2]
