"""Paths of the set-up. Everything but the model folders and the library is below `build/` and may be deleted."""

from pathlib import Path

import edgefuse_tools

ROOT = edgefuse_tools.ROOT
SCRIPTS = ROOT / "scripts"
TOOLS = SCRIPTS / "edgefuse_tools"
BUILD = ROOT / "build"
CHECKPOINTS = BUILD / "checkpoints"
STAMPS = BUILD / "stamps"
SCRATCH = BUILD / "scratch"
LOG = BUILD / "pip.log"
LIBRARIES = ROOT / "lib"
MODELS = ROOT / "onnx"
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def shown(path: Path) -> str:
    """`path` as the user would type it from the repository root."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
