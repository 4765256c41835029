"""The committed synthetic models are up to date with the script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from edgefuse_tools.export.vad.weights import CHUNK_SAMPLES, CONTEXT_SAMPLES
from edgefuse_tools.fixtures import make_fixtures_tiny
from edgefuse_tools.ort_session import open_session

FIXTURES = make_fixtures_tiny.FIXTURES
FOLDERS = ("vad", *make_fixtures_tiny.WHISPERS, *make_fixtures_tiny.LLMS, *make_fixtures_tiny.VLMS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny")
    assert make_fixtures_tiny.main(["--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("name", FOLDERS)
def test_the_folder_is_up_to_date(written: Path, name: str) -> None:
    new, committed = (
        yaml.safe_load((folder / name / "model.yaml").read_text("utf-8")) for folder in (written, FIXTURES)
    )
    hashes, expected = new.pop("files"), committed.pop("files")
    assert new == committed
    assert hashes.keys() == expected.keys()
    for file, entry in hashes.items():
        # The 8-bit weights depend on a matrix product, whose rounding differs between processors.
        keys = ["bytes"] if ".int8." in file or ".q8." in file else ["bytes", "sha256"]
        assert [entry[key] for key in keys] == [expected[file][key] for key in keys], file


def test_loud_chunks_are_speech() -> None:
    session = open_session(FIXTURES / "vad/vad.onnx")
    time = np.arange(CONTEXT_SAMPLES + CHUNK_SAMPLES) / 16_000
    tone = np.sin(2 * np.pi * 500 * time)
    levels = [-120.0, -50.0, -45.0, -40.0, -3.0]
    samples = np.array([tone * 10 ** (level / 20) * 2**0.5 + 0.1 for level in levels], np.float32)
    state = np.full((1, 1, 1), 0.25, np.float32)
    outputs = session.run(None, {"samples": samples, "state_h": state, "state_c": -state})
    speech, next_h, next_c = (np.asarray(output) for output in outputs)
    assert np.allclose(speech, [0, 1 / (1 + np.exp(5)), 0.5, 1 / (1 + np.exp(-5)), 1], atol=1e-2)
    assert (next_h == state).all() and (next_c == -state).all()
