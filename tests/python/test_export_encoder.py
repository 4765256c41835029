"""The exporter of encoders, without PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefuse_tools.export.checkpoints.torch_file import read_torch
from edgefuse_tools.export.checkpoints.torch_legacy import SIGNATURE
from edgefuse_tools.export.encoder.class_embeddings import TABLE, ClassEmbeddings
from edgefuse_tools.export.encoder.classifiers import Choices
from edgefuse_tools.export.encoder.command import main
from edgefuse_tools.export.encoder.imagenet import imagenet
from edgefuse_tools.export.encoder.preprocessing import Preprocessing, of_processor
from edgefuse_tools.export.encoder.resampling import resized_positions
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.convolution import padded


def test_every_class_has_a_name_of_its_own_and_an_embedding() -> None:
    assert len({concept.name for concept in imagenet()}) == 1000
    assert imagenet()[340].name == "zebra" and "horse" not in imagenet()[340].lemmas
    assert all(concept.lemmas and concept.gloss for concept in imagenet())
    table = ClassEmbeddings.load(TABLE).table
    assert table.shape == (1000, 384)
    assert np.allclose(np.linalg.norm(table.astype(np.float32), axis=1), 1, atol=1e-3)


def test_a_table_belongs_to_its_sentence_encoder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"others")
    with pytest.raises(ExportError, match="made by another sentence encoder"):
        ClassEmbeddings.load(TABLE).of(tmp_path, 1000, TABLE)
    broken = tmp_path / "table.npz"
    broken.write_bytes(b"PK")
    with pytest.raises(ExportError, match="not a table of class embeddings"):
        ClassEmbeddings.load(broken)


def test_padding_is_tensorflows_or_pytorchs() -> None:
    assert padded(224, 3, 2, same=True) == (112, [0, 0, 1, 1])
    assert padded(224, 3, 2, same=False) == (112, [1, 1, 1, 1])
    assert padded(7, 5, 1, same=True) == (7, [2, 2, 2, 2])


def test_positions_of_the_same_grid_stay_and_others_are_interpolated() -> None:
    rows = np.arange(17, dtype=np.float32)[:, None]
    assert resized_positions(rows, 4) is rows
    resized = resized_positions(rows, 2)
    # A plane is reproduced exactly in its middle, whatever the coefficient.
    assert resized.shape == (5, 1) and resized[0] == 0
    assert np.isclose(resized[1:].mean(), rows[1:].mean())


def test_a_damaged_file_of_an_old_pytorch_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(SIGNATURE)
    with pytest.raises(ExportError, match="cannot read its pickle"):
        dict(read_torch(path))
    path.write_bytes(SIGNATURE + b"\x80\x02M\xe9\x03.\x80\x02}(X\r\x00\x00\x00little_endian\x89u.")
    with pytest.raises(ExportError, match="not a little-endian PyTorch file"):
        dict(read_torch(path))
    path.write_bytes(SIGNATURE + b"\x80\x02M\xe9\x03.\x80\x02cos\nsystem\n.")
    with pytest.raises(ExportError, match="refuses to load os.system"):
        dict(read_torch(path))


def test_what_the_command_line_says_precedes_the_usual(tmp_path: Path) -> None:
    usual = Preprocessing(224, 256)
    assert Choices(side=288).applied(usual).shorter_side == 288
    chosen = Choices(shorter_side=232, resample="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3).applied(usual)
    assert (chosen.side, chosen.shorter_side, chosen.resample, chosen.mean) == (224, 232, "bicubic", (0.5,) * 3)
    with pytest.raises(ExportError, match="belong together"):
        Choices(mean=(0.5,) * 3).applied(usual)
    (tmp_path / "preprocessor_config.json").write_text('{"do_resize": false}')
    with pytest.raises(ExportError, match="do_resize is false"):
        of_processor(tmp_path, 224, "vit")


@pytest.mark.parametrize(
    "content, expected",
    [
        (None, "no such file or folder"),
        (b"", "not a readable PyTorch archive"),
        (b"PK\x03\x04", "not a readable PyTorch archive"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, expected: str
) -> None:
    source = tmp_path / "model.pth"
    if content is not None:
        source.write_bytes(content)
    assert main([str(source), str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_architecture_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    assert main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "model_type is 'gpt2'; supported: bert, mpnet, clip" in capsys.readouterr().err
