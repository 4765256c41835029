"""Options of the comparison; standard library only, so that any Python can show them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ENGINES = ("bare", "ray", "spark", "spark_pipe")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--records", type=int, default=2_000, help="lines of the manifest (default: 2000)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--kills", type=int, default=0, help="workers to kill at random in each engine (default: 0)")
    parser.add_argument("--resume", action="store_true", help="kill each driver, too, and start it again")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument(
        "--edgefuse", type=Path, default=ROOT / "target/release/edgefuse", help="the program to measure"
    )
    parser.add_argument("--config", type=Path, help="device file [default: the tiny models of the tests, on one core]")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
