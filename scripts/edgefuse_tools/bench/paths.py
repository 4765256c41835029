"""Paths of the benchmark. BENCH_ENVIRONMENT and BENCH_WORK replace the folders in build/."""

from __future__ import annotations

import os
from pathlib import Path

import edgefuse_tools

ROOT = edgefuse_tools.ROOT
SCRIPTS = ROOT / "scripts"
DATA = ROOT / "tests" / "data"
CHECKPOINTS = ROOT / "build" / "checkpoints"
MODELS = ROOT / "onnx"
LIBRARY = ROOT / "lib" / "libonnxruntime.so"
BINARY = ROOT / "target" / "release" / "edgefuse"
DEVICE_FILE = ROOT / "configs" / "cpu.yaml"
RESULTS = ROOT / "docs" / "benchmarks"
README = ROOT / "README.md"
REQUIREMENTS = SCRIPTS / "requirements" / "bench.txt"

ENVIRONMENT = Path(os.environ.get("BENCH_ENVIRONMENT", ROOT / "build" / "bench-venv")).absolute()
PYTHON = ENVIRONMENT / "bin" / "python"
LLM_ENVIRONMENT = ROOT / "build" / "bench-llm-environment"
LLM_REQUIREMENTS = SCRIPTS / "requirements" / "bench-llm.txt"
LIVE_ENVIRONMENT = ROOT / "build" / "live-environment"
SEARCH_ENVIRONMENT = ROOT / "build" / "search-venv"
SEARCH_REQUIREMENTS = SCRIPTS / "requirements" / "search.txt"
SEARCH_EXAMPLE = ROOT / "target" / "release" / "examples" / "search"
SCALE_ENVIRONMENT = ROOT / "build" / "scale-environment"
WORK = Path(os.environ.get("BENCH_WORK", ROOT / "build" / "bench")).absolute()


def shown(path: Path) -> str:
    """`path` as the user would type it from the repository root."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
