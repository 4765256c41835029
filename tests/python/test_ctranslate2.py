"""edgefuse_tools/export/checkpoints/ctranslate2.py: valid files, and errors for damaged or unknown ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefuse_tools.export.checkpoints.ctranslate2 import read_model_bin
from edgefuse_tools.export.errors import ExportError
from tiny_whisper import model_bin

VARIABLES: dict[str, np.ndarray] = {
    "a/weight": np.arange(6, dtype=np.float16).reshape(2, 3),
    "a/bias": np.array([0.5, -1.5], np.float32),
    "heads": np.array(4, np.int16),
    "flag": np.array(1, np.int8),
}
ALIASES = {"b/weight": "a/weight"}


def written(folder: Path, content: bytes) -> Path:
    path = folder / "model.bin"
    path.write_bytes(content)
    return path


def test_reads_every_variable_and_alias(tmp_path: Path) -> None:
    checkpoint = read_model_bin(written(tmp_path, model_bin(VARIABLES, ALIASES)), "WhisperSpec")
    assert checkpoint.names() == [*VARIABLES, *ALIASES]
    for name, array in (VARIABLES | {"b/weight": VARIABLES["a/weight"]}).items():
        found = checkpoint.raw(name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    content = model_bin(VARIABLES, ALIASES)
    for size in range(len(content)):
        with pytest.raises(ExportError, match="model.bin: (truncated|empty file)"):
            read_model_bin(written(tmp_path, content[:size]), "WhisperSpec")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "not a CTranslate2 model"),
        (model_bin({}, {}, "TransformerSpec"), "contains a 'TransformerSpec' model, expected 'WhisperSpec'"),
        (model_bin({}, {"b": "a"}), "alias b of missing tensor a"),
        (model_bin({}, {}).replace(b"Spec\0", b"Spec!"), "no string at byte 6"),
        (model_bin(VARIABLES, {}).replace(b"\x04\x0c", b"\x04\x0b"), r"tensor a/weight \[2, 3\] cannot have 11 bytes"),
        (model_bin(VARIABLES, {}).replace(b"\x04\x0c", b"\x07\x0c"), "tensor a/weight has element type 7"),
    ],
)
def test_unknown_and_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ExportError, match=message) as error:
        read_model_bin(written(tmp_path, content), "WhisperSpec")
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="model.bin: no such file"):
        read_model_bin(tmp_path / "model.bin", "WhisperSpec")
